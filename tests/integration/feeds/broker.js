// An MQTT broker for one test: it publishes lines of JSON {topic, payload} from its second argument, once somebody listens.
const { createServer } = require("node:net");
const aedes = require("aedes")();
const published = JSON.parse(process.argv[3]);

aedes.on("subscribe", () => published.splice(0).forEach(({ topic, payload }) =>
  aedes.publish({ topic, payload, qos: 1, retain: false }, () => {})));
createServer(aedes.handle).listen(Number(process.argv[2]), "127.0.0.1", () => console.log("ready"));
