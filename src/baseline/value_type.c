#include "baseline/value_type.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define WIDE  0xa000 /* a low word goes so far at least */
#define STEPS 0x1800 /* in steps of so much, on average */

const char *const value_type_words[VALUE_TYPES + 1] = {"given",
						       "16-bit",
						       "16-bit signed",
						       "32-bit",
						       "32-bit swapped",
						       "32-bit signed",
						       "32-bit signed swapped",
						       "float",
						       "float swapped",
						       "second word",
						       NULL};

const char *value_type_says(uint8_t type, bool japanese)
{
	static const char *const ja[] = {
		"",
		"16 ビット",
		"16 ビット符号付き",
		"32 ビット",
		"32 ビット(下位ワードが先)",
		"32 ビット符号付き",
		"32 ビット符号付き(下位ワードが先)",
		"浮動小数点",
		"浮動小数点(下位ワードが先)",
		"",
	};

	return japanese ? ja[type] : value_type_words[type];
}

double value_type_span(uint8_t type)
{
	static const double span[VALUE_TYPES] = {
		[VALUE_U16] = 65536,	   [VALUE_I16] = 65536,
		[VALUE_U32] = 4294967296., [VALUE_U32_SWAPPED] = 4294967296.,
		[VALUE_I32] = 4294967296., [VALUE_I32_SWAPPED] = 4294967296.,
	};

	return span[type];
}

static double as_float(uint32_t u)
{
	float f;

	memcpy(&f, &u, sizeof(f));
	return (double)f;
}

static double of_words(uint8_t type, uint16_t a, uint16_t b)
{
	switch (type) {
	case VALUE_I16:
		return (int16_t)a;
	case VALUE_U32:
		return (uint32_t)a << 16 | b;
	case VALUE_U32_SWAPPED:
		return (uint32_t)b << 16 | a;
	case VALUE_I32:
		return (int32_t)((uint32_t)a << 16 | b);
	case VALUE_I32_SWAPPED:
		return (int32_t)((uint32_t)b << 16 | a);
	case VALUE_F32:
		return as_float((uint32_t)a << 16 | b);
	case VALUE_F32_SWAPPED:
		return as_float((uint32_t)b << 16 | a);
	default:
		return a;
	}
}

static bool word_at(const struct op_values *v, uint32_t i, uint16_t *out)
{
	struct op_number n;

	if (!op_number_at(v, i, &n) || n.lo != n.hi || n.lo < 0 || n.lo > 65535)
		return false;
	*out = (uint16_t)n.lo;
	return true;
}

bool value_type_read(uint8_t type, const struct op_values *v, uint32_t i, double *x)
{
	struct op_number n;
	uint16_t a, b = 0;

	if (type == VALUE_GIVEN || type == VALUE_U16) {
		if (!op_number_at(v, i, &n) || n.lo != n.hi || !isfinite(n.lo))
			return false;
		*x = n.lo;
		return true;
	}
	if (type == VALUE_SECOND || !word_at(v, i, &a) ||
	    (value_type_pair(type) && !word_at(v, i + 1, &b)))
		return false;
	*x = of_words(type, a, b);
	return isfinite(*x);
}

/* --- trials --- */

/* Room for one more run; false when there is none. */
static bool trial_room(struct value_trial **t)
{
	unsigned cap = *t ? (*t)->cap * 4u : 4;
	struct value_trial *p = *t;

	if (p && p->n < p->cap)
		return true;
	if (cap > VALUE_TRIAL)
		return false;
	p = realloc(p, sizeof(*p) + cap * sizeof(p->run[0]));
	if (!p)
		return false;
	if (!*t)
		memset(p, 0, sizeof(*p));
	p->cap = (uint8_t)cap;
	*t = p;
	return true;
}

bool value_trial_see(struct value_trial **trial, const struct op_values *v, uint32_t i,
		     int64_t time)
{
	struct value_trial *t = *trial;
	struct value_trial_run *r;
	uint16_t a, b = 0;
	bool alone;

	if (!word_at(v, i, &a))
		return false;
	alone = !word_at(v, i + 1, &b);
	r = t && t->n ? &t->run[t->n - 1] : NULL;
	if (r && r->word[0] == a && (alone || r->word[1] == b)) {
		r->last = time;
		r->count++;
		t->alone |= alone;
		return false;
	}
	if (!trial_room(trial))
		return true;
	t = *trial;
	t->alone |= alone;
	t->run[t->n++] = (struct value_trial_run){time, time, 1, {a, b}};
	return t->n >= VALUE_TRIED;
}

bool value_trial_add(struct value_trial **t, const struct value_trial *from)
{
	unsigned i;

	for (i = 0; i < from->n && trial_room(t); i++)
		(*t)->run[(*t)->n++] = from->run[i];
	if (*t)
		(*t)->alone |= from->alone;
	return *t && (*t)->n >= VALUE_TRIED;
}

double value_trial_at(const struct value_trial *t, unsigned k, uint8_t type)
{
	return of_words(type, t->run[k].word[0], t->run[k].word[1]);
}

static bool plausible(double f)
{
	double size = fabs(f);

	return f == 0 || (isfinite(f) && size >= 1e-5 && size <= 1e9);
}

/* A decimal of at most five digits, as near as a float comes to it. */
static bool is_round(double f)
{
	char buf[32];

	snprintf(buf, sizeof(buf), "%.5g", f);
	return strtof(buf, NULL) == (float)f;
}

/* What there is to see of a high and a low word. */
struct sights {
	double low_lo, low_hi;		    /* extremes of the low word */
	double slow_lo, slow_hi;	    /* likewise, taken as signed */
	double moved, smoved;		    /* its steps, unsigned and signed */
	unsigned n;			    /* changes of either */
	unsigned lows;			    /* changes of the low word */
	unsigned highs;			    /* changes of the high word */
	unsigned carries;		    /* of them with a carry */
	unsigned floats, rounds, fractions; /* plausible; few digits; with a low word */
	unsigned nonzero;
	uint16_t high_lo, high_hi;
};

bool value_type_carry(uint16_t high, uint16_t low, uint16_t h, uint16_t l)
{
	int32_t dh = (int16_t)(uint16_t)(h - high);
	int32_t d = dh * 65536 + l - low;

	return (dh == 1 || dh == -1) && d >= -0xc000 && d <= 0xc000;
}

static void look_step(struct sights *s, uint16_t high, uint16_t low, uint16_t h, uint16_t l)
{
	bool step = h != high;

	s->moved += fabs((double)l - low);
	s->smoved += fabs((double)(int16_t)l - (int16_t)low);
	s->lows += l != low;
	s->highs += step;
	s->carries += step && value_type_carry(high, low, h, l);
	s->n++;
}

static struct sights look(const struct value_trial *t, bool swapped)
{
	struct sights s = {.low_lo = 65535, .slow_lo = 32767, .slow_hi = -32768, .high_lo = 65535};
	uint16_t h, l;
	unsigned k;
	double f;

	for (k = 0; k < t->n; k++) {
		h = t->run[k].word[swapped];
		l = t->run[k].word[!swapped];
		f = of_words(VALUE_F32, h, l);
		s.low_lo = l < s.low_lo ? l : s.low_lo;
		s.low_hi = l > s.low_hi ? l : s.low_hi;
		s.slow_lo = (int16_t)l < s.slow_lo ? (int16_t)l : s.slow_lo;
		s.slow_hi = (int16_t)l > s.slow_hi ? (int16_t)l : s.slow_hi;
		s.high_lo = h < s.high_lo ? h : s.high_lo;
		s.high_hi = h > s.high_hi ? h : s.high_hi;
		s.floats += plausible(f);
		s.nonzero += f != 0;
		s.fractions += l != 0 && plausible(f);
		s.rounds += l != 0 && plausible(f) && is_round(f);
		if (k)
			look_step(&s, t->run[k - 1].word[swapped], t->run[k - 1].word[!swapped], h,
				  l);
	}
	return s;
}

/* 0: nothing speaks for it. */
static unsigned strength_of(const struct sights *s, unsigned runs, bool *is_float)
{
	double span = s->low_hi - s->low_lo, sspan = s->slow_hi - s->slow_lo;
	double mean = s->lows ? (s->moved < s->smoved ? s->moved : s->smoved) / s->lows : 0;
	bool full = span >= WIDE && sspan >= WIDE && mean >= STEPS;
	bool carry = s->carries && s->carries >= 4 * (s->highs - s->carries);

	*is_float = s->floats == runs && s->nonzero * 2 > runs;
	if (*is_float && s->rounds >= 3 && s->rounds * 5 >= s->fractions * 4)
		return 8;
	if (s->n < 8)
		return 0;
	if (*is_float) {
		if (full || carry)
			return 6;
		return s->highs * 8 <= s->n && mean > 256 ? 4 : 0;
	}
	if (carry)
		return 6;
	return full && s->highs >= 3 && s->high_hi - s->high_lo < 0x1000 ? 5 : 0;
}

uint8_t value_trial_guess(const struct value_trial *t, unsigned *strength)
{
	uint8_t best = VALUE_U16;
	unsigned order, how;
	bool is_float;

	*strength = 0;
	for (order = 0; order < 2 && !t->alone; order++) {
		struct sights s = look(t, order);

		how = strength_of(&s, t->n, &is_float);
		if (how <= *strength)
			continue;
		*strength = how;
		best = (uint8_t)((is_float ? VALUE_F32 : VALUE_U32) + order);
	}
	return best;
}

/* --- signs --- */

static uint8_t signed_of(uint8_t type)
{
	switch (type) {
	case VALUE_U16:
		return VALUE_I16;
	case VALUE_U32:
		return VALUE_I32;
	case VALUE_U32_SWAPPED:
		return VALUE_I32_SWAPPED;
	default:
		return type;
	}
}

void value_type_shift(struct value_model *m, struct value_run *run, double by)
{
	int i;

	m->lo += by;
	m->hi += by;
	m->slow_lo += m->slows ? by : 0;
	m->slow_hi += m->slows ? by : 0;
	for (i = 0; i < m->set_n; i++)
		m->set[i] += by;
	run->last += by;
	run->pivot += by;
	run->slow += by;
}

bool value_type_make_signed(struct value_model *m, struct value_run *run)
{
	double span = value_type_span(m->type);

	if (signed_of(m->type) == m->type ||
	    (m->seen.count && m->lo < span / 2 && m->hi >= span / 2))
		return false;
	if (m->seen.count && m->lo >= span / 2)
		value_type_shift(m, run, -span);
	m->type = signed_of(m->type);
	return true;
}

void value_type_sign(struct value_model *m, struct value_run *run, double *x)
{
	double span = value_type_span(m->type), wide;

	if (signed_of(m->type) == m->type || !run->at || (*x < span / 2) == (run->last < span / 2))
		return;
	/* one of the two is below the middle: the way round over 0 is shorter, or it is not */
	wide = fabs(*x - run->last);
	if (wide <= span / 2 || !value_type_make_signed(m, run))
		return;
	*x -= *x >= span / 2 ? span : 0;
}
