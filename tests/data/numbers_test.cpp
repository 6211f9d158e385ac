#include "data/numbers.h"

#include <gtest/gtest.h>

#include <cmath>

namespace kindred::data {
namespace {

TEST(Numbers, OnlyWholeDecimalNumbersAreRead) {
  EXPECT_EQ(parse_number("4.5"), 4.5);
  EXPECT_EQ(parse_number(" 5 "), 5);
  EXPECT_EQ(parse_number("+1e3"), 1000);
  EXPECT_EQ(parse_number("-2"), -2);
  EXPECT_TRUE(std::isnan(parse_number("nan").value_or(0)));
  for (const char* text : {"", "4,5", "four", "4.5 stars", "0x10", "--1", "+", "1 2"})
    EXPECT_EQ(parse_number(text), std::nullopt) << text;
}

TEST(Dates, AllFormsAreSecondsInUtc) {
  EXPECT_EQ(parse_date("1970-01-01"), 0);
  EXPECT_EQ(parse_date("2014-05-31"), 1401494400);
  EXPECT_EQ(parse_date("2014/05/31"), 1401494400);
  EXPECT_EQ(parse_date("20140531"), 1401494400);
  EXPECT_EQ(parse_date("05 31, 2014"), 1401494400);
  EXPECT_EQ(parse_date("07 4, 2014"), 1404432000);
  EXPECT_EQ(parse_date("2016-03-09 16:54:12"), 1457542452);
  EXPECT_EQ(parse_date("2016-03-09T16:54:12.123Z"), 1457542452);
  EXPECT_EQ(parse_date("2016-03-09T16:54"), 1457542440);
  EXPECT_EQ(parse_date("2016-03-09T17:54:12+01:00"), 1457542452);
  EXPECT_EQ(parse_date("2016-03-09 16:54:12 UTC"), 1457542452);
  EXPECT_EQ(parse_date("1969-12-31"), -86400);
  EXPECT_EQ(parse_date("2000-02-29"), 951782400);
  for (const char* text : {"", "2014", "2014-13-01", "2014-02-30", "1900-02-29", "2014-5-31x",
                           "31.05.2014", "2014-05-31T", "2014-05-31 25:00", "2014-05-31 10:61",
                           "05 32, 2014", "2014-05/31", "2014-05-31T10:00:00+1"})
    EXPECT_EQ(parse_date(text), std::nullopt) << text;
}

TEST(Dates, CivilDaysRoundTripOverTheGregorianCycle) {
  for (int64_t day = -200000; day < 200000; day += 29) {
    const YearMonth at = year_month(day * 86400 + 86399);
    EXPECT_LE(days_from_civil(at.year, at.month, 1), day);
    EXPECT_GT(at.month == 12 ? days_from_civil(at.year + 1, 1, 1)
                             : days_from_civil(at.year, at.month + 1, 1),
              day);
  }
}

TEST(TimeUnits, AreToldByTheirSize) {
  using V = std::vector<int64_t>;
  EXPECT_EQ(detect_time_unit(V{978300760, 0, 978302109}), TimeUnit::seconds);
  EXPECT_EQ(detect_time_unit(V{1588687728923, 0, 0, 1588615855070}), TimeUnit::milliseconds);
  EXPECT_EQ(detect_time_unit(V{1588687728923000, 1588615855070000}), TimeUnit::microseconds);
  EXPECT_EQ(detect_time_unit(V{1588687728923000000}), TimeUnit::nanoseconds);
  EXPECT_EQ(detect_time_unit(V{20160309165412, 20180707000000}), TimeUnit::compact_date);
  EXPECT_EQ(detect_time_unit(V{0, 1, 2, 3}), TimeUnit::position);
  EXPECT_EQ(detect_time_unit(V{0, 0}), TimeUnit::position);
  EXPECT_EQ(detect_time_unit(V{}), TimeUnit::position);
  EXPECT_EQ(to_seconds(1588687728923, TimeUnit::milliseconds), 1588687728);
  EXPECT_EQ(to_seconds(20160309165412, TimeUnit::compact_date), 1457542452);
  EXPECT_EQ(to_seconds(7, TimeUnit::position), 7);
}

}  // namespace
}  // namespace kindred::data
