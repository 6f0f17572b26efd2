module github.com/tollgate-auth/client-go

go 1.22
