#include "data/bad_rows.h"

#include <cmath>

#include "core/error.h"
#include "core/log.h"
#include "core/strings.h"
#include "data/numbers.h"

namespace kindred::data {

namespace {
constexpr uint64_t always_allowed = 10;
constexpr uint64_t hopeless = 1000;  // bad rows without as many good ones: the wrong format
}  // namespace

BadRows::BadRows(const std::string& limit) : limit_(limit) {
  const bool percent = limit.ends_with('%');
  const auto value = parse_number(percent ? limit.substr(0, limit.size() - 1) : limit);
  if (!value || !std::isfinite(*value) || *value < 0 || (percent && *value > 100) ||
      (!percent && (*value != std::floor(*value) || *value > 1e15)))
    throw Error(
        Exit::usage, "max-bad-rows",
        cat("got '", limit, "', expected a number of rows such as 100 or a share such as 0.1%"));
  if (percent)
    share_ = *value / 100;
  else
    count_ = static_cast<uint64_t>(*value);
}

uint64_t BadRows::allowed() const {
  if (share_ < 0) return count_;
  return std::max(always_allowed, static_cast<uint64_t>(share_ * static_cast<double>(read())));
}

void BadRows::bad(const std::string& where, const std::string& why) {
  if (bad_++ == 0) {
    first_ = cat(where, ": ", why);
    log::warning(cat(first_, "; the row is skipped"));
  }
  if ((share_ < 0 && bad_ > count_) || (bad_ > hopeless && bad_ > good_ && bad_ > allowed()))
    fail();
}

void BadRows::finish() const {
  if (bad_ > allowed()) fail();
}

void BadRows::fail() const {
  throw Error(Exit::bad_data, "",
              cat(first_, " (first of ", with_commas(static_cast<long long>(bad_)), " bad of ",
                  with_commas(static_cast<long long>(read())), " rows read; --max-bad-rows ",
                  limit_, " allows ", with_commas(static_cast<long long>(allowed())), ")"));
}

}  // namespace kindred::data
