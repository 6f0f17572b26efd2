# Or one file in a folder, imported as first/tollgate: mkdir tollgate && cp ../tollgate/packages/go/tollgate.go tollgate
go mod init first
go mod edit -replace github.com/tollgate-auth/client-go=../tollgate/packages/go
go mod tidy
export TOLLGATE_BASE_URL=http://127.0.0.1:8080
export TOLLGATE_CLIENT_ID=00000000-0000-0000-0000-000000000000
go run .
