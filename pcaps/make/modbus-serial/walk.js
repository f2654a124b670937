// Modbus clients of modbus-serial and jsmodbus:
//   walk.js serial-tcp|serial-udp|serial-rtu|js-tcp ADDRESS PORT
const net = require("net");
const [, , kind, host, port] = process.argv;
const pause = () => new Promise((done) => setTimeout(done, 20));

async function serial() {
	const ModbusRTU = require("modbus-serial");
	const client = new ModbusRTU();
	const connect = { "serial-tcp": "connectTCP", "serial-udp": "connectUDP", "serial-rtu": "connectTelnet" };

	await client[connect[kind]](host, { port: Number(port) });
	client.setID(9);
	client.setTimeout(500);
	const steps = [
		() => client.writeCoil(5, true),
		() => client.writeCoils(8, [true, false, true, true, false]),
		() => client.writeRegister(20, 4321),
		() => client.writeRegisters(21, [11, 22, 33]),
		() => client.maskWriteRegister(20, 0xff0f, 0x0020),
		() => client.readWriteRegisters(20, 4, 22, 2, [7, 8]),
		() => client.readCoils(0, 17),
		() => client.readDiscreteInputs(3, 5),
		() => client.readHoldingRegisters(20, 100),
		() => client.readInputRegisters(0, 2),
		() => client.readHoldingRegisters(9000, 5),
		() => client.readDeviceIdentification(1, 0),
		() => client.customFunction(65, [1, 2, 3]),
	];
	for (const step of steps) {
		try {
			console.log(JSON.stringify(await step()));
		} catch (e) {
			console.log("failed:", e.message);
		}
		await pause();
	}
	client.close(() => process.exit(0));
}

// Ten requests before the first answer, several of them in one segment.
function js() {
	const modbus = require("jsmodbus");
	const socket = new net.Socket();
	const client = new modbus.client.TCP(socket, 9);

	socket.setNoDelay(false);
	socket.on("connect", async () => {
		const all = [];

		for (let i = 0; i < 10; i++)
			all.push(i % 2 ? client.readHoldingRegisters(i * 10, 4) : client.writeSingleRegister(60 + i, i * 100));
		for (const r of await Promise.allSettled(all))
			console.log(r.status);
		socket.end();
	});
	socket.connect({ host, port: Number(port) });
}

kind === "js-tcp" ? js() : serial();
