/* A small policy that the tests of the language add to. */
#define ZONES                                                                                      \
	"zones:\n"                                                                                 \
	"  field: {level: control, networks: [10.1.0.0/16]}\n"                                     \
	"  screens: {level: control-information, networks: [10.2.0.0/16]}\n"                       \
	"  office: {level: information, networks: [10.3.0.0/16]}\n"
#define ASSETS                                                                                     \
	"assets:\n"                                                                                \
	"  plc-1: {zone: field, address: 10.1.0.1}\n"                                              \
	"  plc-2: {zone: field, address: 10.1.0.2}\n"                                              \
	"  hmi-1: {zone: screens, address: 10.2.0.1}\n"
#define BASE	   ZONES ASSETS
#define ALLOW(...) BASE "conduits:\n  - {id: c, from: hmi-1, to: plc-1, allow: [" __VA_ARGS__ "]}\n"
