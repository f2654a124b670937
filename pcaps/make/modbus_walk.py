"""A Modbus/TCP client on pymodbus that asks everything it can: modbus_walk.py ADDRESS PORT"""

import sys
import time

from pymodbus.client import ModbusTcpClient
from pymodbus import diag_message as diag
from pymodbus import file_message as files
from pymodbus import mei_message as mei
from pymodbus import other_message as other

UNIT = 3


def main():
    client = ModbusTcpClient(sys.argv[1], port=int(sys.argv[2]), timeout=2)
    client.connect()
    ask = client.execute
    steps = [
        lambda: client.write_coil(5, True, slave=UNIT),
        lambda: client.write_coils(8, [True, False, True, True, False, False, True, True, True], slave=UNIT),
        lambda: client.write_register(20, 40000, slave=UNIT),
        lambda: client.write_registers(21, [1, 2, 3, 65535], slave=UNIT),
        lambda: client.mask_write_register(address=20, and_mask=0xFF0F, or_mask=0x0020, slave=UNIT),
        lambda: client.readwrite_registers(
            read_address=20, read_count=4, write_address=22, write_registers=[7, 8], slave=UNIT
        ),
        lambda: client.read_coils(0, 24, slave=UNIT),
        lambda: client.read_discrete_inputs(3, 13, slave=UNIT),
        lambda: client.read_holding_registers(20, 5, slave=UNIT),
        lambda: client.read_input_registers(0, 2, slave=UNIT),
        lambda: client.read_holding_registers(9000, 5, slave=UNIT),
        lambda: ask(other.ReadExceptionStatusRequest(unit=UNIT)),
        lambda: ask(diag.ReturnQueryDataRequest(0xA537, unit=UNIT)),
        lambda: ask(diag.ReturnDiagnosticRegisterRequest(unit=UNIT)),
        lambda: ask(diag.ChangeAsciiInputDelimiterRequest(0x0A00, unit=UNIT)),
        lambda: ask(diag.ReturnBusMessageCountRequest(unit=UNIT)),
        lambda: ask(diag.ReturnSlaveMessageCountRequest(unit=UNIT)),
        lambda: ask(diag.ClearCountersRequest(unit=UNIT)),
        lambda: ask(diag.RestartCommunicationsOptionRequest(True, unit=UNIT)),
        lambda: ask(other.GetCommEventCounterRequest(unit=UNIT)),
        lambda: ask(other.GetCommEventLogRequest(unit=UNIT)),
        lambda: ask(other.ReportSlaveIdRequest(UNIT)),
        lambda: ask(
            files.ReadFileRecordRequest(
                [
                    files.FileRecord(file_number=4, record_number=1, record_length=2),
                    files.FileRecord(file_number=3, record_number=9, record_length=3),
                ],
                unit=UNIT,
            )
        ),
        lambda: ask(
            files.WriteFileRecordRequest(
                [files.FileRecord(file_number=4, record_number=7, record_data=b"\x06\xaf\x04\xbe\x10\x0d")], unit=UNIT
            )
        ),
        lambda: ask(files.ReadFifoQueueRequest(0x04DE, unit=UNIT)),
        lambda: ask(mei.ReadDeviceInformationRequest(1, 0, unit=UNIT)),
        lambda: ask(mei.ReadDeviceInformationRequest(2, 0, unit=UNIT)),
        lambda: ask(mei.ReadDeviceInformationRequest(4, 4, unit=UNIT)),
    ]
    for step in steps:
        try:
            print(step())
        except Exception as e:  # the library's own limits end one step, not the walk
            print("failed:", e)
            client.close()
            client.connect()
        time.sleep(0.02)
    client.close()


main()
