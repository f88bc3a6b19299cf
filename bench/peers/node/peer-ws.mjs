// The npm package ws.
import { WebSocket, WebSocketServer } from "ws";
import { parseArguments } from "./arguments.mjs";

const { load, host, port } = parseArguments();
const server = new WebSocketServer({ host, port, backlog: 4096, perMessageDeflate: false });

server.on("connection", (socket) => {
  socket.on("error", () => socket.terminate());
  socket.on("message", (data, binary) => {
    if (load === "echo") {
      socket.send(data, { binary });
      return;
    }
    for (const client of server.clients) {
      if (client.readyState === WebSocket.OPEN) client.send(data, { binary });
    }
  });
});

server.on("listening", () => {
  const { address, port } = server.address();
  console.log(`listening on ${address}:${port}`);
});
