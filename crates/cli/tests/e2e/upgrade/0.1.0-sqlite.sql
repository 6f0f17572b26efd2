PRAGMA application_id = 1413960532;
PRAGMA user_version = 2;
BEGIN TRANSACTION;
CREATE TABLE changes (
    seq          INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    kind         TEXT    NOT NULL,
    id           BLOB,                  -- of whom; NULL for the signing keys
    issued_until INTEGER,               -- of a revocation; NULL for any other change
    until        INTEGER NOT NULL       -- from when on the row may be purged; when a revocation expires
) STRICT;
INSERT INTO "changes" VALUES(1,'client',X'AC59F006A86F44E7B23B5B95B875246F',NULL,1795961742754);
INSERT INTO "changes" VALUES(2,'client',X'75C3525284964B11B91037048271096F',NULL,1795961742798);
INSERT INTO "changes" VALUES(3,'client',X'75C3525284964B11B91037048271096F',NULL,1795961743130);
INSERT INTO "changes" VALUES(4,'client revoked',X'75C3525284964B11B91037048271096F',1795875344000,1795961803130);
CREATE TABLE clients (
    id            BLOB    NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    merchant_id   BLOB    REFERENCES merchants (id),    -- NULL for an operator's client
    name          TEXT    NOT NULL,
    environment   TEXT    NOT NULL CHECK (environment IN ('test', 'live')),
    scope         TEXT    NOT NULL,
    addresses     TEXT    NOT NULL,     -- networks, separated by spaces
    disabled      INTEGER NOT NULL CHECK (disabled IN (0, 1)),
    revoked_until INTEGER NOT NULL,
    created_at    INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO "clients" VALUES(X'75C3525284964B11B91037048271096F',X'3129ED20DCA348FCA59719FCFDFE0118','gone','test','payments:read payments:write','',1,1795875344000,1795875342798);
INSERT INTO "clients" VALUES(X'AC59F006A86F44E7B23B5B95B875246F',X'3129ED20DCA348FCA59719FCFDFE0118','till','test','payments:read payments:write','',0,0,1795875342754);
CREATE TABLE elected (
    office TEXT    NOT NULL PRIMARY KEY,
    holder BLOB    NOT NULL CHECK (length(holder) = 16),
    until  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE idempotency_keys (
    merchant_id BLOB    NOT NULL CHECK (length(merchant_id) = 16),
    environment TEXT    NOT NULL CHECK (environment IN ('test', 'live')),
    route       TEXT    NOT NULL,
    key         TEXT    NOT NULL,
    owner       BLOB    NOT NULL CHECK (length(owner) = 16),
    fingerprint BLOB    NOT NULL CHECK (length(fingerprint) = 32),
    until       INTEGER NOT NULL,       -- the end of the lease, or the expiry of the answer
    status      INTEGER,
    body        BLOB,
    PRIMARY KEY (merchant_id, environment, route, key),
    CHECK ((status IS NULL) = (body IS NULL))
) STRICT, WITHOUT ROWID;
INSERT INTO "idempotency_keys" VALUES(X'3129ED20DCA348FCA59719FCFDFE0118','test','POST /api/v1/payment-requests:redirect','key-1',X'C981FE0E3CFE89DBCD9DDB3EB3EA7A6F',X'A0D9ADC5DA1BF595A80A672C6A6AC366AE23488D3F524B2A3C553A9425462CA5',1795961756982,201,X'7B2273756363657373223A747275652C2264617461223A7B2272656469726563745F75726C223A22687474703A2F2F3132372E302E302E313A31383331312F7061792F30626639376230632D663235362D343632372D386332322D646661613761613337646361227D7D');
INSERT INTO "idempotency_keys" VALUES(X'3129ED20DCA348FCA59719FCFDFE0118','test','POST /api/v1/payment-requests:redirect','key-2',X'BCC358E74C54E38BD0AB5B09B9E10E47',X'A0D9ADC5DA1BF595A80A672C6A6AC366AE23488D3F524B2A3C553A9425462CA5',1795961773998,201,X'7B2273756363657373223A747275652C2264617461223A7B2272656469726563745F75726C223A22687474703A2F2F3132372E302E302E313A31383331312F7061792F38633965653939612D646633652D346430362D613737322D306464663635303137383266227D7D');
CREATE TABLE installation (
    id            INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
    check_value   BLOB,                 -- NULL until installed
    purged_change INTEGER NOT NULL      -- the greatest number of a change that has been purged
) STRICT;
INSERT INTO "installation" VALUES(1,X'57F18A670EBCED0BCEA512C7EFB8ED5218AD3E1A97F6AA15A2BCFE4F472C14F7',0);
CREATE TABLE merchants (
    id            BLOB    NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    name          TEXT    NOT NULL,
    disabled      INTEGER NOT NULL CHECK (disabled IN (0, 1)),
    revoked_until INTEGER NOT NULL,
    created_at    INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO "merchants" VALUES(X'3129ED20DCA348FCA59719FCFDFE0118','Example Shop',0,0,1795875342362);
CREATE TABLE payment_requests (
    id          BLOB    NOT NULL UNIQUE CHECK (length(id) = 16),
    merchant_id BLOB    NOT NULL CHECK (length(merchant_id) = 16),
    environment TEXT    NOT NULL CHECK (environment IN ('test', 'live')),
    details     TEXT    NOT NULL,
    status      TEXT    NOT NULL CHECK (status IN ('pending', 'approved', 'declined')),
    created_at  INTEGER NOT NULL,
    expires_at  INTEGER NOT NULL,
    decided_at  INTEGER,
    CHECK ((status = 'pending') = (decided_at IS NULL))
) STRICT;
INSERT INTO "payment_requests" VALUES(X'0BF97B0CF25646278C22DFAA7AA37DCA',X'3129ED20DCA348FCA59719FCFDFE0118','test','{"customer":{"name":"Ada Lovelace","email":"ada@example.com"},"billing_address":{"address_line1":"12 St James Square","city":"London","postal_code":"SW1Y 4JH","country":"GB"},"amount":1250,"currency":"EUR","locale":"en-GB","payment_reference":"KEPT","order_id":"order 1"}','pending',1795875356982,1795876256982,NULL);
INSERT INTO "payment_requests" VALUES(X'8C9EE99ADF3E4D06A7720DDF6501782F',X'3129ED20DCA348FCA59719FCFDFE0118','test','{"customer":{"name":"Ada Lovelace","email":"ada@example.com"},"billing_address":{"address_line1":"12 St James Square","city":"London","postal_code":"SW1Y 4JH","country":"GB"},"amount":1250,"currency":"EUR","locale":"en-GB","payment_reference":"KEPT","order_id":"order 1"}','pending',1795875373998,1795876273998,NULL);
CREATE TABLE secrets (
    client_id  BLOB    NOT NULL REFERENCES clients (id),
    id         BLOB    NOT NULL CHECK (length(id) = 16),
    hash       BLOB    NOT NULL CHECK (length(hash) = 32),
    created_at INTEGER NOT NULL,
    expires_at INTEGER,
    revoked_at INTEGER,
    PRIMARY KEY (client_id, id)
) STRICT, WITHOUT ROWID;
INSERT INTO "secrets" VALUES(X'75C3525284964B11B91037048271096F',X'FC821349B7B34D739D18C45900907B6B',X'CD1696AFA7EB0975BD8FBEE30142F6AB07163075FEEA9A991D81BB35257CC310',1795875342798,NULL,NULL);
INSERT INTO "secrets" VALUES(X'AC59F006A86F44E7B23B5B95B875246F',X'3D6BC5D6F427474B967D8F0DE4801ED8',X'8A81E7219D6692F277771E080889B93C83A21348D81CE6B4BBA4E7E380C4837D',1795875342754,NULL,NULL);
CREATE TABLE signing_keys (
    id           BLOB    NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    sealed       BLOB    NOT NULL,
    created_at   INTEGER NOT NULL,
    activates_at INTEGER NOT NULL,
    retires_at   INTEGER
) STRICT;
INSERT INTO "signing_keys" VALUES(X'7C563CEDFCE44BE4BC74A0B2785D871E',X'F6A39E18B5534DFB89F6D2D76623209750C793469D9BBF48EA6F9A26F4610AFE7D8BB4A4380D62C7BC75FF5398550DBF2931B4801ABB72B9EF4654E1B05899ABDD6C27493F262152',1795875342362,1795875342362,NULL);
CREATE INDEX changes_by_until ON changes (until);
CREATE INDEX revocations_by_until ON changes (until) WHERE issued_until IS NOT NULL;
CREATE INDEX clients_by_merchant ON clients (merchant_id);
CREATE INDEX idempotency_keys_by_until ON idempotency_keys (until);
CREATE INDEX payment_requests_by_time ON payment_requests (merchant_id, environment, created_at DESC, id DESC);
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('changes',4);
COMMIT;
