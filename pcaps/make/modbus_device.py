"""A Modbus device on pymodbus: modbus_device.py tcp|udp|rtu ADDRESS PORT

rtu is RTU framing in TCP. pymodbus answers functions 20 and 24 with nothing inside; here they get
some records and a queue, by its own way to add functions.
"""

import asyncio
import struct
import sys

from pymodbus.datastore import ModbusSequentialDataBlock, ModbusServerContext, ModbusSlaveContext
from pymodbus.device import ModbusDeviceIdentification
from pymodbus.file_message import (
    FileRecord,
    ReadFifoQueueRequest,
    ReadFifoQueueResponse,
    ReadFileRecordRequest,
    ReadFileRecordResponse,
)
from pymodbus.server import StartAsyncTcpServer, StartAsyncUdpServer
from pymodbus.transaction import ModbusRtuFramer, ModbusSocketFramer


class Files(ReadFileRecordRequest):
    def execute(self, context):
        return ReadFileRecordResponse(
            [
                FileRecord(record_data=b"".join(struct.pack(">H", r.record_number + i) for i in range(r.record_length)))
                for r in self.records
            ]
        )


class Fifo(ReadFifoQueueRequest):
    def execute(self, context):
        return ReadFifoQueueResponse([440, 4740, 7])


def main():
    kind, address, port = sys.argv[1], sys.argv[2], int(sys.argv[3])
    block = [ModbusSequentialDataBlock(0, list(range(200))) for _ in range(4)]
    unit = ModbusSlaveContext(di=block[0], co=block[1], hr=block[2], ir=block[3], zero_mode=True)
    start = StartAsyncUdpServer if kind == "udp" else StartAsyncTcpServer
    asyncio.run(
        start(
            context=ModbusServerContext(slaves=unit, single=True),
            identity=ModbusDeviceIdentification(
                info_name={
                    "VendorName": "Example Works",
                    "ProductCode": "EX-100",
                    "VendorUrl": "http://example.com/",
                    "ProductName": "Example Controller",
                    "ModelName": "EX-100/24",
                    "MajorMinorRevision": "2.1.7",
                    "UserApplicationName": "Line 1",
                }
            ),
            address=(address, port),
            framer=ModbusRtuFramer if kind == "rtu" else ModbusSocketFramer,
            custom_functions=[Files, Fifo],
        )
    )


main()
