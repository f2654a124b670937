/*
 * Tells the exported ruleset what the service would.
 *
 *   kernel_do policy.yaml quarantine|release ADDRESS|MAC [SECONDS]
 *   kernel_do policy.yaml grant|revoke CONDUIT [SECONDS]
 *
 * Exit code 0: the kernel has it; 1: it has not.
 */
#include "run/kernel.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int main(int argc, char **argv)
{
	struct diag diag = {.count = 0};
	struct policy *policy = argc >= 4 ? policy_load(argv[1], &diag) : NULL;
	struct kernel *k = kernel_new(NULL);
	struct act_quarantine q = {.until = 0};
	int64_t until = (int64_t)((argc > 4 ? strtoul(argv[4], NULL, 10) : 3600) * 1000000000 + 1);
	uint32_t conduit;
	bool done = false;

	diag_print(&diag, stderr);
	if (!policy || !k)
		return 2;
	q.has_mac = mac_parse(argv[3], &q.mac);
	q.until = until;
	conduit = policy_conduit_find(policy, argv[3]);
	if (conduit == POLICY_NONE && !q.has_mac && !addr_parse(argv[3], &q.addr))
		return 2;
	if (strcmp(argv[2], "quarantine") == 0)
		done = kernel_quarantine(k, &q, 1);
	else if (strcmp(argv[2], "release") == 0)
		done = kernel_release(k, &q);
	else if (strcmp(argv[2], "grant") == 0)
		done = kernel_grant(k, policy, conduit, until, 1);
	else if (strcmp(argv[2], "revoke") == 0)
		done = kernel_revoke(k, policy, conduit);
	kernel_free(k);
	policy_free(policy);
	diag_free(&diag);
	return !done;
}
