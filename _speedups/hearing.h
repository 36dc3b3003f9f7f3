/* The average price of fills from their exact sums, in integers of 128 bits. */
#ifndef CONNECTOR_HEARING_H
#define CONNECTOR_HEARING_H
#include <stdint.h>

/* Half to even, as `connector.model.order.round_half_even`; both positive. */
static inline unsigned __int128 connector_rounded(unsigned __int128 numerator, uint64_t denominator) {
  unsigned __int128 whole = numerator / denominator, twice = 2 * (numerator % denominator);
  return whole + (twice > denominator || (twice == denominator && (whole & 1)));
}

/* A value with `left` decimals without zeros at its end and cut to 63 bits. False: too large for this. */
static inline int connector_short(unsigned __int128 value, int left, int64_t *average_e, int *exponent) {
  uint64_t small;
  while (value >> 64 && left > 0 && value % 10 == 0) value /= 10, left--;
  if (!(value >> 64)) {
    small = (uint64_t)value;
    while (left >= 4 && small % 10000 == 0) small /= 10000, left -= 4;
    while (left > 0 && small % 10 == 0) small /= 10, left--;
    value = small;
  }
  while (value >> 63 && left > 0) value = connector_rounded(value, 10), left--;
  if (value >> 63) return 0;
  *average_e = (int64_t)(uint64_t)value;
  *exponent = left;
  return 1;
}

/* One more fill, to a notional (high * 2^62 + low). False: too large for this. */
static inline int connector_notional_add(uint64_t *high, uint64_t *low, int64_t quantity, int64_t price) {
  unsigned __int128 value;
  if (quantity < 0 || price < 0) return 0;
  value = ((unsigned __int128)*high << 62 | *low) + (unsigned __int128)(uint64_t)quantity * (uint64_t)price;
  if (value >> 98) return 0;
  *high = (uint64_t)(value >> 62);
  *low = (uint64_t)value & (((uint64_t)1 << 62) - 1);
  return 1;
}

/* notional (high * 2^62 + low) / quantity with eight decimals more than a price has, zeros at its end left out and cut
   to 63 bits, as `Order.average_price`. False: too large for this. */
static inline int connector_average(int64_t high, int64_t low, int64_t quantity, int price_exponent, int64_t *average_e,
                                    int *exponent) {
  unsigned __int128 value;
  if (high < 0 || high >> 36 || quantity <= 0) return 0;
  value = ((unsigned __int128)(uint64_t)high << 62 | (uint64_t)low) * 100000000u;
  return connector_short(connector_rounded(value, (uint64_t)quantity), price_exponent + 8, average_e, exponent);
}
#endif
