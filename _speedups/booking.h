/* What a holding is worth, in exact integers: connector/trading/holdings.py, `Holding.notional_e` and `money_e` of
 * instruments that are not inverse. */
#ifndef CONNECTOR_BOOKING_H
#define CONNECTOR_BOOKING_H

#include <stdint.h>

typedef struct {
  int64_t position_e, buys_e, sells_e, cash_e, mark_e;
  int64_t size_e, scale;                            /* of a contract; what divides mark times quantity */
} BookingHeld;

/* Exposure and profit; 0: they do not fit. */
static inline int booking_worth(const BookingHeld *held, int64_t *value_e, int64_t *profit_e) {
  __int128 up = (__int128)held->position_e + held->buys_e, down = (__int128)held->position_e - held->sells_e;
  __int128 worst, worth = held->position_e;
  up = up < 0 ? -up : up;
  down = down < 0 ? -down : down;
  worst = up > down ? up : down;
  if (held->scale <= 0) return 0;
  if (__builtin_mul_overflow(worst, (__int128)held->mark_e, &worst)) return 0;
  if (__builtin_mul_overflow(worst, (__int128)held->size_e, &worst)) return 0;
  if (__builtin_mul_overflow(worth, (__int128)held->mark_e, &worth)) return 0;
  if (__builtin_mul_overflow(worth, (__int128)held->size_e, &worth)) return 0;
  worst = worst / held->scale + (worst % held->scale > 0);
  worth = worth / held->scale - (worth % held->scale < 0) + held->cash_e;
  *value_e = (int64_t)worst;
  *profit_e = (int64_t)worth;
  return *value_e == worst && *profit_e == worth;
}

/* What a signed quantity at a price and a fee take off the cash; 0: it does not fit. */
static inline int booking_fill(BookingHeld *held, int64_t qty_e, int64_t price_e, int64_t fee_e) {
  __int128 money = (__int128)qty_e * price_e;
  if (held->scale <= 0) return 0;
  if (__builtin_mul_overflow(money, (__int128)held->size_e, &money)) return 0;
  money = money / held->scale - (money % held->scale < 0);
  if (__builtin_add_overflow(money, (__int128)fee_e, &money)) return 0;
  if (__builtin_sub_overflow((__int128)held->cash_e, money, &money)) return 0;
  held->cash_e = (int64_t)money;
  return held->cash_e == money;
}

/* A sum of which one part has changed; 0: it does not fit. */
static inline int booking_moves(int64_t sum_e, int64_t part_e, int64_t now_e, int64_t *moved_e) {
  __int128 moved = (__int128)sum_e - part_e + now_e;
  *moved_e = (int64_t)moved;
  return *moved_e == moved;
}

#endif
