/* What surely keeps the venue's filters and our limits, in exact integers: the rules are those of
 * connector/trading/filters.py and risk.py, which have the words for whoever breaks one. Where a number grows past 127
 * bits nothing is sure. */
#ifndef CONNECTOR_LANE_H
#define CONNECTOR_LANE_H

#include <stdint.h>
#include <string.h>
#include <time.h>

typedef __int128 lane_wide;

#define LANE_ABSENT INT64_MIN                       /* CONNECTOR_ABSENT */
#define LANE_BUY 1

typedef struct {                                    /* bounds and grid of a price or a quantity; none: absent, step 0 */
  int64_t low, high, step;
} LaneGrid;

typedef struct {
  LaneGrid price, quantity[2];                      /* of limit and of market orders */
  int64_t min_notional_e, up_e, down_e, contract_size_e;
  int price_exponent, quantity_exponent;
  int inverse;                                      /* worth its size in the quote whatever the price */
} LaneRules;

typedef struct {                                    /* limits of an account or a strategy; absent: there is none */
  int64_t notional_e, quantity_e, exposure_e, loss_e, open_orders, rate, collar_bps;
} LaneLimits;

typedef struct {                                    /* an owner and what it holds of the instrument */
  int64_t position_e, buys_e, sells_e, cash_e;
  int64_t value_e, held_profit_e;                   /* of this holding, in the owner's sums */
  int64_t exposure_e, profit_e;                     /* of the owner */
} LaneHeld;

typedef struct {
  int64_t price_e, qty_e;                           /* no price: absent */
  int market, buy, reduces;
} LaneOrder;

typedef struct {
  int64_t bid_e, ask_e, mark_e;                     /* 0: that side is empty; mark: there is no fresh one */
  int live;                                         /* best bid and ask are known */
} LaneMarket;

/* 10^n, n up to 36. */
static inline lane_wide lane_power(int n) {
  lane_wide found = 1;
  while (n-- > 0) found *= 10;
  return found;
}

/* x *= y; 0: it does not fit. */
static inline int lane_times(lane_wide *x, lane_wide y) { return !__builtin_mul_overflow(*x, y, x); }

/* The quotients rounded up and down, y positive. */
static inline lane_wide lane_up(lane_wide x, lane_wide y) { return x / y + (x % y > 0); }
static inline lane_wide lane_down(lane_wide x, lane_wide y) { return x / y - (x % y < 0); }

/* trading.holdings.Holding.notional_e: of a quantity at a price of 10^-8; 0: it does not fit. */
static inline int lane_notional(const LaneRules *rules, lane_wide quantity, lane_wide price, lane_wide *value) {
  if (!lane_times(&quantity, rules->contract_size_e)) return 0;
  if (!rules->inverse && !lane_times(&quantity, price)) return 0;
  *value = lane_up(quantity, lane_power((rules->inverse ? 0 : 8) + rules->quantity_exponent));
  return 1;
}

/* What a position brings with what was received for it, in the quote at a mark: Holding.money_e and in_quote_e. An
 * inverse contract's cash is of the margin asset, and to be long of it is to owe its worth there. */
static inline int lane_profit(const LaneRules *rules, lane_wide position, lane_wide cash, int64_t mark, lane_wide *profit) {
  lane_wide under = lane_power((rules->inverse ? 0 : 8) + rules->quantity_exponent), one = lane_power(8);
  if (!lane_times(&position, rules->contract_size_e)) return 0;
  if (!rules->inverse) {
    if (!lane_times(&position, mark)) return 0;
    *profit = cash + lane_down(position, under);
    return 1;
  }
  if (!lane_times(&position, -one) || !lane_times(&under, mark)) return 0;
  if (__builtin_add_overflow(cash, lane_down(position, under), &cash) || !lane_times(&cash, mark)) return 0;
  *profit = lane_down(cash, one);
  return 1;
}

static inline int lane_fits(const LaneGrid *grid, int64_t value) {
  if (grid->low != LANE_ABSENT && value < grid->low) return 0;
  if (grid->high != LANE_ABSENT && value > grid->high) return 0;
  return grid->step <= 0 || (value - (grid->low != LANE_ABSENT ? grid->low : 0)) % grid->step == 0;
}

/* trading.filters.check: status apart. */
static inline int lane_filters(const LaneRules *rules, const LaneOrder *order, const LaneMarket *market) {
  int priced = order->price_e != LANE_ABSENT, has_mark = market->mark_e > 0;
  lane_wide left, right;
  if (priced && !lane_fits(&rules->price, order->price_e)) return 0;
  if (!lane_fits(&rules->quantity[order->market], order->qty_e)) return 0;
  if (rules->min_notional_e != LANE_ABSENT && !order->reduces && (priced || has_mark)) {
    left = priced ? order->price_e : market->mark_e;
    right = rules->min_notional_e;
    if (!lane_times(&left, order->qty_e) || !lane_times(&left, 100000000)) return 0;
    if (!lane_times(&right, lane_power((priced ? rules->price_exponent : 8) + rules->quantity_exponent))) return 0;
    if (left < right) return 0;
  }
  if (priced && has_mark) {
    int64_t multiplier = order->buy ? rules->up_e : rules->down_e;
    if (multiplier != LANE_ABSENT) {
      left = order->price_e;
      right = market->mark_e;
      if (!lane_times(&left, lane_power(16)) || !lane_times(&right, multiplier)) return 0;
      if (!lane_times(&right, lane_power(rules->price_exponent))) return 0;
      if (order->buy ? left > right : left < right) return 0;
    }
  }
  return 1;
}

/* trading.risk.check_touch. */
static inline int lane_touch(const LaneOrder *order, const LaneMarket *market) {
  if (order->market) return market->live && (order->buy ? market->ask_e : market->bid_e) > 0;
  return market->live || order->reduces;
}

/* trading.risk.order_notional_e; 0: it does not fit. */
static inline int lane_worth(
    const LaneRules *rules, const LaneOrder *order, const LaneMarket *market, lane_wide *value) {
  if (rules->inverse) return lane_notional(rules, order->qty_e, 0, value);
  lane_wide own = order->price_e != LANE_ABSENT ? order->price_e : 0;
  int shift = 8 - rules->price_exponent;
  if (order->price_e == LANE_ABSENT && market->live) own = order->buy ? market->ask_e : market->bid_e;
  if (shift < 0) own = lane_up(own, lane_power(-shift));
  else if (!lane_times(&own, lane_power(shift))) return 0;
  if (own < market->mark_e) own = market->mark_e;
  return lane_notional(rules, order->qty_e, own, value);
}

static inline lane_wide lane_size(lane_wide x) { return x < 0 ? -x : x; }
static inline lane_wide lane_larger(lane_wide x, lane_wide y) { return x > y ? x : y; }

/* What Risk._check_exposure and the limit of the loss say, the holding valued at the mark of now. */
static inline int lane_exposed(
    const LaneRules *rules, const LaneLimits *limits, const LaneHeld *held, const LaneOrder *order,
    const LaneMarket *market) {
  lane_wide up = (lane_wide)held->position_e + held->buys_e, down = (lane_wide)held->position_e - held->sells_e;
  lane_wide before = lane_larger(lane_size(up), lane_size(down)), value;
  lane_wide worst = lane_larger(before, order->buy ? lane_size(up + order->qty_e) : lane_size(down - order->qty_e));
  lane_wide profit = held->profit_e;
  if (limits->exposure_e != LANE_ABSENT) {
    if (market->mark_e <= 0) return 0;
    if (worst > before) {
      if (!lane_notional(rules, worst, market->mark_e, &value)) return 0;
      if ((lane_wide)held->exposure_e - held->value_e + value > limits->exposure_e) return 0;
    }
    if (!lane_profit(rules, held->position_e, held->cash_e, market->mark_e, &value)) return 0;
    profit += value - held->held_profit_e;
  }
  return limits->loss_e == LANE_ABSENT || profit > -(lane_wide)limits->loss_e;
}

/* trading.risk.check_collar. */
static inline int lane_collar(const LaneLimits *limits, const LaneOrder *order, const LaneMarket *market) {
  lane_wide bound;
  if (limits->collar_bps == LANE_ABSENT || !market->live || order->price_e == LANE_ABSENT) return 1;
  if (order->buy && market->ask_e > 0) {
    bound = market->ask_e;
    if (!lane_times(&bound, (lane_wide)10000 + limits->collar_bps)) return 0;
    return order->price_e <= lane_down(bound, 10000);
  }
  if (!order->buy && market->bid_e > 0) {
    bound = market->bid_e;
    if (!lane_times(&bound, (lane_wide)10000 - limits->collar_bps)) return 0;
    return order->price_e >= lane_up(bound, 10000);
  }
  return 1;
}

/* Risk.check for one owner: everything but the counts of orders. */
static inline int lane_limits(
    const LaneRules *rules, const LaneLimits *limits, const LaneHeld *held, const LaneOrder *order,
    const LaneMarket *market) {
  lane_wide value;
  if (!lane_collar(limits, order, market)) return 0;
  if (order->reduces) return 1;
  if (limits->notional_e != LANE_ABSENT && (!lane_worth(rules, order, market, &value) || value > limits->notional_e))
    return 0;
  if (limits->quantity_e != LANE_ABSENT && order->qty_e > limits->quantity_e) return 0;
  return lane_exposed(rules, limits, held, order, market);
}

static inline int64_t lane_wall_ns(void) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

#endif
