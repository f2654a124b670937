// node modbus_hand.js ADDRESS: modbus-serial by hand, over one connection; as modbus_hand.c
"use strict";
const ModbusRTU = require("modbus-serial");
const readline = require("readline");
const client = new ModbusRTU();

async function request(line) {
    const [what, at, ...values] = line.split(" ").map((w, i) => (i ? Number(w) : w));

    if (what === "read")
        return ["ok", ...(await client.readHoldingRegisters(at, values[0])).data].join(" ");
    await (what === "write" ? client.writeRegister(at, values[0]) : client.writeRegisters(at, values));
    return "ok";
}

async function main() {
    await client.connectTCP(process.argv[2], { port: 502 });
    client.setID(1);
    client.setTimeout(20000);
    for await (const line of readline.createInterface({ input: process.stdin })) {
        try {
            console.log(await request(line));
        } catch (e) {
            console.log("failed:", e.modbusCode === 1 ? "Illegal function" : e.message);
        }
    }
    client.close(() => process.exit(0));
}

main();
