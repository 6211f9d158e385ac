#include <cmath>

#include "core/error.h"
#include "core/strings.h"
#include "core/utf8.h"
#include "data/numbers.h"
#include "data/raw.h"

namespace kindred::data {
namespace {

/// The row's cells as an interaction; a sentence about what is wrong otherwise.
class RowParser {
 public:
  RowParser(const RowMapping& mapping, const RawOptions& options)
      : mapping_(mapping), low_(options.rating_range.at(0)), high_(options.rating_range.at(1)) {}

  bool parse(const Records& records, RawRow& row) {
    return id(records.cell(static_cast<size_t>(mapping_.user)), "user", row.user) &&
           id(records.cell(static_cast<size_t>(mapping_.item)), "item", row.item) &&
           rating(records, row) && label(records, row) && time(records, row);
  }
  const std::string& problem() const { return problem_; }

 private:
  bool fail(std::string problem) {
    problem_ = std::move(problem);
    return false;
  }

  bool id(const Cell& cell, const char* what, std::string_view& into) {
    into = cell.text;
    if (!cell.present() || into.empty()) return fail(cat("no ", what, " id"));
    if (cell.kind == Cell::Kind::compound)
      return fail(cat("the ", what, " id is no text or number"));
    return true;
  }

  bool rating(const Records& records, RawRow& row) {
    if (mapping_.rating < 0) return true;
    const Cell cell = records.cell(static_cast<size_t>(mapping_.rating));
    const auto value = parse_number(cell.text);
    if (!value || !std::isfinite(*value))
      return fail(cat("rating '", shown(cell.text), "', expected a number such as 4.5"));
    if (*value < low_ || *value > high_)
      return fail(cat("rating ", number(*value), " is outside ", number(low_), " to ",
                      number(high_), " (--rating-range)"));
    row.rating = static_cast<float>(*value);
    return true;
  }

  bool label(const Records& records, RawRow& row) {
    if (mapping_.label < 0) return true;
    const Cell cell = records.cell(static_cast<size_t>(mapping_.label));
    const auto value = parse_number(cell.text);
    if (!value || (*value != 0 && *value != 1))
      return fail(cat("label '", shown(cell.text), "', expected 0 or 1"));
    row.label = static_cast<float>(*value);
    return true;
  }

  bool time(const Records& records, RawRow& row) {
    if (mapping_.time < 0) return true;
    row.time = 0;
    const Cell cell = records.cell(static_cast<size_t>(mapping_.time));
    if (cell.text.empty()) return true;
    if (const auto value = parse_number(cell.text)) {
      if (!std::isfinite(*value) || std::abs(*value) > 9e18)
        return fail(cat("time '", shown(cell.text), "' is out of range"));
      row.time = static_cast<int64_t>(std::floor(*value));
      return true;
    }
    const auto date = parse_date(cell.text);
    if (!date)
      return fail(cat("time '", shown(cell.text),
                      "', expected a number of seconds or a date such as 2014-05-31"));
    row.time = *date;
    return true;
  }

  RowMapping mapping_;
  double low_, high_;
  std::string problem_;
};

}  // namespace

void check_stop(const std::stop_token& stop) {
  if (stop.stop_requested())
    throw Error(Exit::interrupted, "prepare", "stopped on request; nothing was written");
}

void read_rows(Records& records, const RowMapping& mapping, const RawOptions& options,
               RowSink& sink, ReadContext& context, int part) {
  RowParser parser(mapping, options);
  uint64_t rows = 0;
  while (records.next()) {
    if (++rows % 4096 == 0) check_stop(context.stop);
    RawRow row;
    row.part = part;
    if (!parser.parse(records, row)) {
      context.bad.bad(records.where(), parser.problem());
      continue;
    }
    if (mapping.review >= 0) row.review = records.cell(static_cast<size_t>(mapping.review)).text;
    context.bad.good();
    try {
      sink.row(row);
    } catch (const Error& error) {
      throw Error(error.code(), records.where(), error.what());
    }
  }
  context.report.replaced_bytes += records.repairs().bytes;
  context.report.replaced_rows += records.repairs().rows;
}

}  // namespace kindred::data
