//! A key that signs nothing but the assertions of these tests.

/// RSA of 2048 bits, PKCS #8, in base64.
pub(crate) const PRIVATE: &str = "\
    MIIEvgIBADANBgkqhkiG9w0BAQEFAASCBKgwggSkAgEAAoIBAQDYCBcGolLtrjuGlUwlPPK738ahd/T4xGOdqmiTOdxcwnu/TM9c\
    DKS5wMgmcXGf8KsIR6vUNvARc7ymECkMFSmJYYvSBVixaP6F3mLzY8swosbRJWr+RwVHcDNQhXkTw1nxNoqibQlFo44uKk6lC6MD\
    xlMGckE+E5WekiSkOcWN7eRI72ZZiIW3puC8ECbMLs33Ps53sVpeYe1r6z26eJ1LYKjPGfJiY7/1AEnv85bqdNShGXlwO4xQQ4Pw\
    jeeka3fxf6YtcZRL8aDgS4mepWmiZi7eGpCL80SC6xca+i9UzwahleuR7ng3raPK05T5mZd6pvKR+dHj2ilTVaKzXJmtAgMBAAEC\
    ggEANmJu/YYOz3QN2zcpmLRLvT08AXkz7A5wr4fvVKT700RIp+ObziYGsBaWrIrhmmyZefelC8Ma06Hpy3qFAtwu/T1X2DLtXZg7\
    fxL5oSEtzVwlJhC/6yyQ6SeXW32GehGzSlS7OOGvNF9U001mSAlya+hZDWXlA84lW+qZm9hJYg2bg1KgE2zqx3obFmIsRnB1Sl7A\
    nwaUmlR7wMv4MrbmddG5fgj+S0kd+zGm5qd3PbpWlzHupmSTeu5S2iOSyjujJk3Ig6+Idm0yfI2QZ0QNL7CM3iZ/i3dqQbWFn2zz\
    /I29pKeypQYFKp4GDpFPPr2SszrPk84hxBnhhMrO/jPClwKBgQDrXU/zACK4prugEto8Z3BwYnRYLc0DCfN1oZuQpJpOCzDHvUUw\
    +uDz35sDHBZMcq+On1Ck93Sif+dex4UCoHBsfl26Zeq2y0oy9hatAXLT0o32QhclJ/hK0HUZKFN32CKz3ISeGMGT3W1ihdjdWJvb\
    fo/wj2ixprjBTo0Tmv1AmwKBgQDq+Ns40eg65tb+pVvECugn5YXbEHw9D8jvmtW5SU3k64qTj3YNhDnHphXifCi76giIZt3lZy97\
    PiaB/RvHg4kht4fSM2mpKHaRrTnCB3Cw5G5xnzY7s3D5sffCdUqwey4V1IJQF5rK+RtKs70Yn0ONUGAr4y5wgpaN9DjhAci/VwKB\
    gQDLFttzzPwo5QYlG99gG8lz0CCgLfUm2CFRsT8w0jerfBB9aZ4Yo4IULS/uwP+ku5kssd++WSA1T7Rvni3xlEst8uQhgOvFCyld\
    S+dJJWTVzmtcwK6ECzc+Jx3DtX5AfSmElZWBbc8rLffC+celR15FSbIeW0B1em0VsBgfgK9iXQKBgQDDQAsaSgKJf2xDqbB5VP7Y\
    uDbkc+xo6Qb1Y1oZXzpk8Pzz5RAZ5zgEGJSy4K0QiUaR4bideYLRDDH/bg15WmnHJLSuDJ7OO5tbLfCCtKAFvauwqrXsIg3Mzv+s\
    DL8FqzX+Wdn3J8Yux5TQHE8TeLQvZwyjK2JZh4oHZ1skTdE8fQKBgH3mAYhKtGOqwKTigNrtCkMXpUI3KKMBDl/7vJ2tIdPetdfX\
    ZxhfUe2zv82CeTA58ZSJ+BSu3amjTIYr4OtAd4JbvRyGxG/+IL+zWoPrmBfdg8Cax2sRv7BrYJPk4bpb1xtAESGP3NbEDj5p/HKk\
    +NHygNkW+Mpjn0taOeYfZ2X+";

/// Its public half, PKCS #1, in base64.
pub(crate) const PUBLIC: &str = "\
    MIIBCgKCAQEA2AgXBqJS7a47hpVMJTzyu9/GoXf0+MRjnapokzncXMJ7v0zPXAykucDIJnFxn/CrCEer1DbwEXO8phApDBUpiWGL\
    0gVYsWj+hd5i82PLMKLG0SVq/kcFR3AzUIV5E8NZ8TaKom0JRaOOLipOpQujA8ZTBnJBPhOVnpIkpDnFje3kSO9mWYiFt6bgvBAm\
    zC7N9z7Od7FaXmHta+s9unidS2CozxnyYmO/9QBJ7/OW6nTUoRl5cDuMUEOD8I3npGt38X+mLXGUS/Gg4EuJnqVpomYu3hqQi/NE\
    gusXGvovVM8GoZXrke54N62jytOU+ZmXeqbykfnR49opU1Wis1yZrQIDAQAB";
