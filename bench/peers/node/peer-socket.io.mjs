// The npm package socket.io, by WebSocket alone: neither long polling nor the upgrade from it.
import { createServer } from "node:http";
import { Server } from "socket.io";
import { parseArguments } from "./arguments.mjs";

const { load, host, port } = parseArguments();
const http = createServer();
const io = new Server(http, {
  transports: ["websocket"],
  serveClient: false,
  // The generator answers no pings of Engine.IO, and no run is as long as this.
  pingInterval: 3_600_000,
});

io.on("connection", (socket) => {
  socket.on("message", (data) => {
    if (load === "echo") socket.emit("message", data);
    else io.emit("message", data);
  });
});

http.listen({ host, port, backlog: 4096 }, () => {
  const { address, port } = http.address();
  console.log(`listening on ${address}:${port}`);
});
