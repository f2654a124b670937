/* Services as sets: for each IP protocol, the ports, types or the whole of it. */
#include "policy/space.h"

#include "policy/space_box.h"

#define ICMP   1
#define TCP    6
#define UDP    17
#define ICMPV6 58

static struct spans all_numbers(struct arena *a, unsigned ip_proto)
{
	switch (ip_proto) {
	case TCP:
	case UDP:
		return spans_of(a, 0, UINT16_MAX);
	case ICMP:
	case ICMPV6:
		return spans_of(a, 0, UINT8_MAX);
	default:
		return spans_of(a, 0, 0);
	}
}

static struct spans of_set(struct arena *a, const struct iset *set)
{
	struct span *s = arena_array(a, set->count, sizeof(*s));
	uint32_t i;

	for (i = 0; i < set->count; i++)
		s[i] = (struct span){set->range[i].lo, set->range[i].hi};
	return (struct spans){s, set->count};
}

/* What of the IP protocol the service permits, as service_covers() in match_flow.c says. */
static struct spans permitted(const struct service *s, unsigned ip_proto, struct arena *a)
{
	static const struct spans none;
	struct spans all = all_numbers(a, ip_proto);

	switch ((enum service_kind)s->kind) {
	case SERVICE_TCP:
	case SERVICE_UDP:
		if (ip_proto != (s->kind == SERVICE_TCP ? TCP : UDP))
			return none;
		break;
	case SERVICE_ICMP:
		if (ip_proto != ICMP && ip_proto != ICMPV6)
			return none;
		break;
	case SERVICE_IP:
		return s->any || iset_contains(&s->set, ip_proto) ? all : none;
	}
	return s->any ? all : spans_and(a, all, of_set(a, ip_proto == ICMPV6 ? &s->set6 : &s->set));
}

static uint16_t number(unsigned ip_proto, uint64_t n)
{
	return (uint16_t)(ip_proto == ICMP || ip_proto == ICMPV6 ? n << 8 : n);
}

/* The usual protocols first: an example should be one a reader knows. */
static unsigned in_turn(unsigned i)
{
	static const uint8_t first[] = {TCP, UDP, ICMP, ICMPV6};

	if (i < sizeof(first))
		return first[i];
	return i - (unsigned)sizeof(first);
}

enum space_answer space_service_covered(const struct service *s,
					const struct service *const *others, uint32_t n,
					struct space_example *ex)
{
	enum space_answer answer = SPACE_YES;
	struct arena a = {0};
	unsigned i;
	uint32_t k;

	for (i = 0; i < 256 + 4 && answer == SPACE_YES; i++) {
		unsigned ip_proto = in_turn(i);
		struct spans left = permitted(s, ip_proto, &a);

		for (k = 0; k < n && left.n; k++)
			left = spans_less(&a, left, permitted(others[k], ip_proto, &a));
		if (left.n) {
			*ex = (struct space_example){
				.ip_proto = (uint8_t)ip_proto,
				.port = number(ip_proto,
					       left.span->lo ? left.span->lo : left.span->hi > 0)};
			answer = SPACE_NO;
		}
	}
	arena_free(&a);
	return answer;
}

enum space_answer space_services_overlap(const struct service *a, const struct service *b,
					 struct space_example *ex)
{
	enum space_answer answer = SPACE_NO;
	struct arena arena = {0};
	unsigned i;

	for (i = 0; i < 256 + 4 && answer == SPACE_NO; i++) {
		unsigned ip_proto = in_turn(i);
		struct spans meet = spans_and(&arena, permitted(a, ip_proto, &arena),
					      permitted(b, ip_proto, &arena));

		if (meet.n) {
			*ex = (struct space_example){.ip_proto = (uint8_t)ip_proto,
						     .port = number(ip_proto, meet.span->lo)};
			answer = SPACE_YES;
		}
	}
	arena_free(&arena);
	return answer;
}
