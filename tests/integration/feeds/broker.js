// An MQTT broker for one test: it publishes {topic, payload} of the list in its second argument once somebody listens, and
// retains those with `retain` from its start on.
const { createServer } = require("node:net");
const aedes = require("aedes")();
const published = JSON.parse(process.argv[3]);

const publish = ({ topic, payload, retain = false }) => aedes.publish({ topic, payload, qos: 1, retain }, () => {});

published.filter(({ retain }) => retain).forEach(publish);
aedes.on("subscribe", () => published.splice(0).filter(({ retain }) => !retain).forEach(publish));
createServer(aedes.handle).listen(Number(process.argv[2]), "127.0.0.1", () => console.log("ready"));
