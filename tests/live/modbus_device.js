// Modbus/TCP devices of npm: node modbus_device.js modbus-serial|jsmodbus ADDRESS PORT
"use strict";
const [kind, address, port] = process.argv.slice(2);
const holding = new Array(200).fill(0), coil = new Array(200).fill(0);

function serial() {
    const { ServerTCP } = require("modbus-serial");

    new ServerTCP({
        getCoil: (a) => !!coil[a],
        getDiscreteInput: (a) => !!coil[a],
        getHoldingRegister: (a) => holding[a],
        getInputRegister: (a) => holding[a],
        setCoil: (a, v) => { coil[a] = v ? 1 : 0; },
        setRegister: (a, v) => { holding[a] = v; },
    }, { host: address, port: Number(port), unitID: 0 /* any */ }).on("socketError", () => {});
}

function jsmodbus() {
    const net = require("net"), modbus = require("jsmodbus"), server = new net.Server();

    server.on("connection", (s) => s.on("error", () => {}));
    new modbus.server.TCP(server, {
        holding: Buffer.alloc(400), coils: Buffer.alloc(400), input: Buffer.alloc(400), discrete: Buffer.alloc(400),
    });
    server.listen(Number(port), address);
}

(kind === "jsmodbus" ? jsmodbus : serial)();
