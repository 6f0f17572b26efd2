client=../tollgate/packages/java/src/main/java/io/github/tollgateauth/client
javac -d classes "$client/Tollgate.java" "$client/TollgateException.java" "$client/TollgateHttpClient.java" First.java
export TOLLGATE_BASE_URL=http://127.0.0.1:8080
export TOLLGATE_CLIENT_ID=00000000-0000-0000-0000-000000000000
java -cp classes First
