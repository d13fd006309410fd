// An OPC UA server that nobody of this project wrote (node-opcua), with a plant to poll.
//
//   NODE_OPCUA=<where npm installed it> node node_opcua.js --port 4840 [--tags 3491] [--encrypted] [--limit 500] [--large BYTES] [--pki DIR]
//
// Plant/D0 ... are doubles, integers, booleans and texts that change at every tick; every 50th is BAD with a stale number,
// UNCERTAIN, BAD without a value, and still. Types/ holds one variable of every type. It prints one line of JSON when it
// takes connections: how many tags of each quality there are.
"use strict";

const path = require("path");
const load = require("module").createRequire(path.join(process.env.NODE_OPCUA, "package.json"));
const { OPCUAServer } = load("node-opcua-server");
const { OPCUACertificateManager } = load("node-opcua-certificate-manager");
const { DataValue } = load("node-opcua-data-value");
const { StatusCodes } = load("node-opcua-status-code");
const { Variant, DataType, VariantArrayType } = load("node-opcua-variant");
const { MessageSecurityMode, SecurityPolicy } = load("node-opcua-secure-channel");

function option(name, fallback) {
  const place = process.argv.indexOf(`--${name}`);
  return place < 0 ? fallback : process.argv[place + 1];
}

const port = Number(option("port", 4840));
const tags = Number(option("tags", 3491));
const limit = Number(option("limit", 0));
const tickMs = Number(option("tick", 500));
const pki = option("pki", path.join(process.env.NODE_OPCUA, "pki"));
const large = Number(option("large", 0));
const encrypted = process.argv.includes("--encrypted");

// What a tag reads: by its number.
const TEXTS = ["RUN", "STOP", "IDLE", "점검중"];
const KINDS = [
  [DataType.Double, (tag, tick) => tag + tick / 8],
  [DataType.Int32, (tag, tick) => tag * 1000 + (tick % 1000)],
  [DataType.Boolean, (tag, tick) => (tag + tick) % 2 === 0],
  [DataType.String, (tag, tick) => TEXTS[(tag + tick) % TEXTS.length]],
];
const QUALITIES = new Map([
  [7, StatusCodes.BadSensorFailure],
  [8, StatusCodes.UncertainLastUsableValue],
  [9, StatusCodes.BadNoCommunication],
]);
const STILL = 10;

let tick = 0;
let tickedAt = new Date();
const startedAt = new Date();

function read(tag) {
  const [dataType, value] = KINDS[tag % KINDS.length];
  const place = tag % 50;
  const statusCode = QUALITIES.get(place) ?? StatusCodes.Good;
  const still = place === STILL;
  return new DataValue({
    statusCode,
    value: place === 9 ? new Variant({ dataType: DataType.Null }) : new Variant({ dataType, value: value(tag, still ? 0 : tick) }),
    sourceTimestamp: still ? startedAt : tickedAt,
  });
}

function addPlant(namespace, objects) {
  const plant = namespace.addFolder(objects, { browseName: "Plant" });
  const counts = { GOOD: 0, UNCERTAIN: 0, BAD: 0 };
  for (let tag = 0; tag < tags; tag++) {
    namespace.addVariable({
      componentOf: plant,
      browseName: `D${tag}`,
      nodeId: `s=D${tag}`,
      dataType: KINDS[tag % KINDS.length][0],
      minimumSamplingInterval: 50,
      value: { timestamped_get: () => read(tag) },
    });
    const place = tag % 50;
    counts[place === 8 ? "UNCERTAIN" : QUALITIES.has(place) ? "BAD" : "GOOD"]++;
  }
  return counts;
}

function addTypes(namespace, objects) {
  const types = namespace.addFolder(objects, { browseName: "Types" });
  const add = (dataType, value, more = {}) =>
    namespace.addVariable({
      componentOf: types,
      browseName: more.name ?? DataType[dataType],
      nodeId: `s=Types.${more.name ?? DataType[dataType]}`,
      dataType,
      valueRank: more.dimensions ? more.dimensions.length : more.arrayType ? 1 : -1,
      value: { dataType, value, arrayType: more.arrayType ?? VariantArrayType.Scalar, dimensions: more.dimensions },
    });
  add(DataType.Boolean, true);
  add(DataType.SByte, -5);
  add(DataType.Byte, 200);
  add(DataType.Int16, -300);
  add(DataType.UInt16, 60000);
  add(DataType.Int32, -70000);
  add(DataType.UInt32, 4000000000);
  // 64 bits as node-opcua takes them: high and low half. -5000000000 and 6000000000.
  add(DataType.Int64, [0xfffffffe, 0xd5fa0e00]);
  add(DataType.UInt64, [1, 1705032704]);
  add(DataType.Float, 0.5);
  add(DataType.Double, 0.1);
  add(DataType.String, "점검중");
  add(DataType.DateTime, new Date("2026-01-02T03:04:05.678Z"));
  add(DataType.Guid, "72962B91-FA75-4AE6-8D28-B404DC7DAF63");
  add(DataType.ByteString, Buffer.from("00ff10", "hex"));
  add(DataType.Double, new Float64Array([1.5, 2.5, 3.5]), { name: "Doubles", arrayType: VariantArrayType.Array });
  add(DataType.Int32, new Int32Array([1, 2, 3, 4, 5, 6]), {
    name: "Matrix",
    arrayType: VariantArrayType.Matrix,
    dimensions: [2, 3],
  });
}

// A variable whose answer is larger than a poller takes, and one whose answer the server can't make.
function addOdd(namespace, objects) {
  const odd = namespace.addFolder(objects, { browseName: "Odd" });
  const add = (name, dataType, value) =>
    namespace.addVariable({ componentOf: odd, browseName: name, nodeId: `s=Odd.${name}`, dataType, value: { dataType, value } });
  add("Large", DataType.ByteString, Buffer.alloc(large, 7));
  for (let number = 0; number < 50; number++) {
    add(`Small${number}`, DataType.Double, number);
  }
}

async function main() {
  const certificates = new OPCUACertificateManager({ rootFolder: pki, automaticallyAcceptUnknownCertificate: true });
  await certificates.initialize();
  const server = new OPCUAServer({
    port,
    host: "127.0.0.1",
    hostname: "127.0.0.1",
    alternateHostname: ["127.0.0.1", "localhost"],
    serverCertificateManager: certificates,
    userCertificateManager: certificates,
    securityModes: encrypted ? [MessageSecurityMode.Sign, MessageSecurityMode.SignAndEncrypt] : [MessageSecurityMode.None],
    securityPolicies: encrypted
      ? [SecurityPolicy.Basic256Sha256, SecurityPolicy.Aes128_Sha256_RsaOaep, SecurityPolicy.Aes256_Sha256_RsaPss]
      : [SecurityPolicy.None],
    allowAnonymous: !encrypted,
    userManager: { isValidUser: (user, password) => user === "operator" && password === "let me in" },
    serverCapabilities: {
      maxSessions: 20,
      operationLimits: limit ? { maxNodesPerRead: limit, maxNodesPerBrowse: limit, maxMonitoredItemsPerCall: limit } : {},
    },
  });
  await server.initialize();
  const { addressSpace } = server.engine;
  const namespace = addressSpace.getOwnNamespace();
  const counts = addPlant(namespace, addressSpace.rootFolder.objects);
  addTypes(namespace, addressSpace.rootFolder.objects);
  if (large) {
    addOdd(namespace, addressSpace.rootFolder.objects);
  }
  setInterval(() => {
    tick++;
    tickedAt = new Date();
  }, tickMs);
  await server.start();
  console.log(JSON.stringify({ ready: true, namespace: namespace.index, ...counts }));
  process.on("SIGTERM", () => process.exit(0));
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
