// The npm package uwebsockets, which carries uWebSockets as a prebuilt module of Node.
import uwebsockets from "uwebsockets";
import { parseArguments } from "./arguments.mjs";

const { load, host, port } = parseArguments();
const { App, DISABLED, us_socket_local_port } = uwebsockets;
const EVERYONE = "everyone";

const app = App();
app.ws("/*", {
  compression: DISABLED,
  maxPayloadLength: 2 * 1024 * 1024,
  maxBackpressure: 1024 * 1024,
  open: (socket) => {
    if (load === "broadcast") socket.subscribe(EVERYONE);
  },
  message: (socket, message, binary) => {
    if (load === "echo") socket.send(message, binary);
    else app.publish(EVERYONE, message, binary);
  },
});

app.listen(host, port, (listener) => {
  if (!listener) {
    console.error(`cannot listen on ${host}:${port}`);
    process.exit(1);
  }
  console.log(`listening on ${host}:${us_socket_local_port(listener)}`);
});
