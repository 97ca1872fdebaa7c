// The endpoints echo and add with Go's micro, for the benchmark cost. `go-task` answers each request
// in a goroutine of its own, any other name in the callback. For the benchmark scale, a number behind the
// name says how many instances there are, of which it knows no more than that they answer PING.
package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strconv"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/micro"
)

type operands struct {
	A float64 `json:"a"`
	B float64 `json:"b"`
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}

func echo(request micro.Request) {
	must(request.Respond(request.Data()))
}

func add(request micro.Request) {
	var pair operands
	must(json.Unmarshal(request.Data(), &pair))
	must(request.RespondJSON(pair.A + pair.B))
}

func main() {
	url, name := os.Args[1], os.Args[2]
	handler := func(handle func(micro.Request)) micro.Handler {
		if name == "go-task" {
			return micro.HandlerFunc(func(request micro.Request) { go handle(request) })
		}
		return micro.HandlerFunc(handle)
	}
	nc, err := nats.Connect(url)
	must(err)
	if len(os.Args) > 3 {
		instances, err := strconv.Atoi(os.Args[3])
		must(err)
		for range instances {
			service, err := micro.AddService(nc, micro.Config{Name: name, Version: "1.0.0"})
			must(err)
			must(service.AddEndpoint("echo", micro.HandlerFunc(echo)))
		}
		ready(nc)
	}
	service, err := micro.AddService(nc, micro.Config{Name: name, Version: "1.0.0"})
	must(err)
	group := service.AddGroup(name)
	must(group.AddEndpoint("echo", handler(echo)))
	must(group.AddEndpoint("add", handler(add)))
	ready(nc)
}

func ready(nc *nats.Conn) {
	must(nc.Flush())
	fmt.Println("ready")
	_, _ = io.Copy(io.Discard, os.Stdin)
	os.Exit(0)
}
