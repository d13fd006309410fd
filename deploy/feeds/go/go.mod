module tagpipe.example/put

go 1.18
