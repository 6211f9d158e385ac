#pragma once
// Named numbers, and the protocol that must be said beside them.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/json.h"

namespace kindred::eval {

/// A metric's value by its name; NaN means not defined ("n/a", null in JSON), never 0.
struct NamedValue {
  std::string name;
  double value;
};
using NamedValues = std::vector<NamedValue>;

/// The value of a name; NaN when it is not among them.
double value_of(const NamedValues& values, std::string_view name);

/// {"recall@20": 0.17, "auc": null}; NaN and infinities become null.
Json to_json(const NamedValues& values);
/// The reverse; throws `bad_data` with `where` when a value is neither a number nor null.
NamedValues values_from_json(const Json& object, const std::string& where);

/// "0.1723", or "n/a" for NaN: what people read. `digits` after the point.
std::string display_value(double value, int digits = 4);

/// How numbers were obtained: printed beside every metric.
struct Protocol {
  std::string name = "full";         ///< full, candidates or pointwise
  std::optional<int64_t> negatives;  ///< sampled negatives a user (candidates)
  std::optional<uint64_t> seed;      ///< of the negatives
  std::optional<std::string> file;   ///< of given candidates, or written ones
  std::string mask;     ///< parts whose items are left out of rankings, such as "train+valid"
  bool unseen = false;  ///< everybody was served as a person never seen, from the history alone
  std::optional<std::string> sha256 = {};  ///< of the candidates' file: what it held

  /// Equal protocols give comparable numbers: a file of candidates is told by its content, whatever
  /// it is called and however it was drawn.
  bool operator==(const Protocol& other) const;
};

/// One line for captions: "full ranking, train+valid items masked",
/// "1 relevant + 99 sampled candidates (seed 1), ...", "pointwise".
std::string describe(const Protocol& protocol);

Json to_json(const Protocol& protocol);
/// Throws `bad_data` with `where` on a missing name or a wrong type.
Protocol protocol_from_json(const Json& object, const std::string& where);

}  // namespace kindred::eval
