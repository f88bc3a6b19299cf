// `echo|broadcast --listen ADDRESS:PORT`, the arguments of every peer.
export function parseArguments() {
  const [load, flag, address = ""] = process.argv.slice(2);
  const colon = address.lastIndexOf(":");
  if (!["echo", "broadcast"].includes(load) || flag !== "--listen" || colon < 0) {
    console.error("usage: PEER echo|broadcast --listen ADDRESS:PORT");
    process.exit(2);
  }
  return { load, host: address.slice(0, colon), port: Number(address.slice(colon + 1)) };
}
