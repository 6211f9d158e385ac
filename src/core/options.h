#pragma once
// Options: a struct with in-class defaults and one visitor is the whole truth; parsing, `--set`,
// help, the generated options page and the resolved config.yaml all come from it.
//
//   struct EaseOptions {
//     double l2 = 250.0;
//     template <class V> void visit(V& v) {
//       v("l2", l2, "L2 weight on the item-item weights (lambda of Steck 2019, eq. 4)", Bounds{0});
//     }
//   };

#include <concepts>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <type_traits>
#include <vector>

#include "core/json.h"

namespace kindred {

/// Range of a number, inclusive unless an end is marked open (a learning rate above 0: `{0, 1,
/// true}`).
struct Bounds {
  double low = -std::numeric_limits<double>::infinity();
  double high = std::numeric_limits<double>::infinity();
  bool low_open = false, high_open = false;
};

/// The values a text may take.
struct Choices {
  std::vector<std::string> names;
};

namespace detail {
struct AnyVisitor {
  template <class... Arguments>
  void operator()(const char*, Arguments&&...) {}
};

/// The double of the shortest decimal that reads back as `value`: 0.1f becomes 0.1.
double shortest(float value);
}  // namespace detail

/// A struct that lists its options in `template <class V> void visit(V& v)`.
template <class T>
concept OptionStruct = requires(T value, detail::AnyVisitor visitor) { value.visit(visitor); };

template <class T>
struct is_optional : std::false_type {};
template <class T>
struct is_optional<std::optional<T>> : std::true_type {};
template <class T>
struct is_vector : std::false_type {};
template <class T>
struct is_vector<std::vector<T>> : std::true_type {};

/// Reads options from a JSON object, collecting every problem: unknown keys with the nearest name,
/// wrong types, values out of range. Nested structs, optionals (null = absent) and vectors are
/// read.
class OptionReader {
 public:
  /// `where` prefixes every problem: "recipe.yaml: cllm4rec" gives "recipe.yaml: cllm4rec.epochs:
  /// ...", "recipe.yaml:" (the top level) "recipe.yaml: seed: ...". Problems are appended to
  /// `problems`. A null instead of an object is an empty one.
  OptionReader(const Json& object, std::string where, std::vector<std::string>& problems);

  template <class T>
  void operator()(const char* name, T& member, const char* /*help*/, Bounds bounds = {}) {
    if (const Json* value = take(name)) read(path(name), *value, member, bounds);
  }
  void operator()(const char* name, std::string& member, const char* help, const Choices& choices);
  void operator()(const char* name, std::optional<std::string>& member, const char* help,
                  const Choices& choices);
  void operator()(const char* name, std::vector<std::string>& member, const char* help,
                  const Choices& choices);

  /// Reports the keys nobody took. Call once after the visit.
  void finish();

 private:
  template <class T>
  void read(const std::string& at, const Json& value, T& member, Bounds bounds) {
    if constexpr (OptionStruct<T>) {
      OptionReader nested(value, at, problems_);
      member.visit(nested);
      nested.finish();
    } else if constexpr (is_optional<T>::value) {
      if (value.is_null()) {
        member.reset();
      } else {
        // An optional struct keeps what a default had set inside.
        typename T::value_type inner = member ? std::move(*member) : typename T::value_type{};
        read(at, value, inner, bounds);
        member = std::move(inner);
      }
    } else if constexpr (is_vector<T>::value) {
      T values;
      if (!expect_array(at, value)) return;
      for (size_t i = 0; i < value.size(); ++i) {
        typename T::value_type inner{};
        read(at + "[" + std::to_string(i) + "]", value[i], inner, bounds);
        values.push_back(std::move(inner));
      }
      member = std::move(values);
    } else if constexpr (std::is_same_v<T, bool>) {
      read_bool(at, value, member);
    } else if constexpr (std::is_same_v<T, std::string>) {
      read_text(at, value, member);
    } else if constexpr (std::is_same_v<T, Json>) {
      member = value;
    } else if constexpr (std::is_unsigned_v<T>) {
      uint64_t number = 0;
      if (read_unsigned(at, value, number, within_type<T>(bounds))) member = static_cast<T>(number);
    } else if constexpr (std::is_integral_v<T>) {
      int64_t number = 0;
      if (read_integer(at, value, number, within_type<T>(bounds))) member = static_cast<T>(number);
    } else {
      static_assert(std::is_floating_point_v<T>, "an option of this type cannot be read");
      double number = 0;
      if (read_number(at, value, number, within_type<T>(bounds))) member = static_cast<T>(number);
    }
  }

  /// The bounds narrowed to what the type holds, so that no value is cut down silently.
  template <class T>
  static Bounds within_type(Bounds bounds) {
    const double low = static_cast<double>(std::numeric_limits<T>::lowest());
    const double high = static_cast<double>(std::numeric_limits<T>::max());
    if (std::is_integral_v<T> || sizeof(T) < sizeof(double)) {
      if (bounds.low < low) bounds.low = low, bounds.low_open = false;
      if (bounds.high > high) bounds.high = high, bounds.high_open = false;
    }
    return bounds;
  }

  const Json* take(const char* name);
  std::string path(const char* name) const;
  bool expect_array(const std::string& at, const Json& value);
  void read_bool(const std::string& at, const Json& value, bool& member);
  void read_text(const std::string& at, const Json& value, std::string& member);
  bool read_choice(const std::string& at, const Json& value, std::string& member,
                   const Choices& choices);
  bool read_integer(const std::string& at, const Json& value, int64_t& number, Bounds bounds);
  bool read_unsigned(const std::string& at, const Json& value, uint64_t& number, Bounds bounds);
  bool read_number(const std::string& at, const Json& value, double& number, Bounds bounds);
  bool expect_within(const std::string& at, const Json& value, double number, Bounds bounds);
  void problem(const std::string& at, const Json& value, const std::string& expected);

  const Json* object_;  // null when there is nothing to read from
  std::string where_;
  std::vector<std::string>& problems_;
  std::vector<std::string> known_;
};

/// Writes every option, defaults included, as a JSON object.
class OptionWriter {
 public:
  template <class T, class... Rest>
  void operator()(const char* name, T& member, const char* /*help*/, Rest&&...) {
    result[name] = to_json(member);
  }

  Json result = Json::object();

 private:
  template <class T>
  static Json to_json(T& member) {
    if constexpr (OptionStruct<T>) {
      OptionWriter nested;
      member.visit(nested);
      return nested.result;
    } else if constexpr (is_optional<T>::value) {
      return member ? to_json(*member) : Json(nullptr);
    } else if constexpr (is_vector<T>::value) {
      Json array = Json::array();
      for (auto&& value : member) {
        auto copy = static_cast<typename T::value_type>(value);
        array.push_back(to_json(copy));
      }
      return array;
    } else if constexpr (std::is_same_v<T, float>) {
      return Json(detail::shortest(member));
    } else {
      return Json(member);
    }
  }
};

/// One line of help about one option.
struct OptionRow {
  std::string name;  ///< dotted, such as "finetune.epochs"
  std::string type;  ///< bool, integer, number, text, section, any, "list of ...", "... or null"
  std::string default_value;  ///< as JSON
  std::string allowed;        ///< range or choices, empty when free
  std::string help;
};

/// Lists a struct's options for `--help` and the generated options page.
class OptionDescriber {
 public:
  explicit OptionDescriber(std::string prefix = "") : prefix_(std::move(prefix)) {}

  template <class T>
  void operator()(const char* name, T& member, const char* help, Bounds bounds = {}) {
    if constexpr (OptionStruct<T>) {
      nest(name, member);
    } else {
      add(name, member, help, range(bounds));
      if constexpr (is_optional<T>::value) {
        typename T::value_type inner = member ? *member : typename T::value_type{};
        if constexpr (OptionStruct<typename T::value_type>) nest(name, inner);
      }
    }
  }
  template <class T>
  void operator()(const char* name, T& member, const char* help, const Choices& choices) {
    add(name, member, help, listed(choices));
  }

  std::vector<OptionRow> rows;

 private:
  template <class T>
  void nest(const char* name, T& member) {
    OptionDescriber nested(prefix_ + name + ".");
    member.visit(nested);
    rows.insert(rows.end(), nested.rows.begin(), nested.rows.end());
  }

  template <class T>
  void add(const char* name, T& member, const char* help, std::string allowed) {
    OptionWriter writer;
    writer(name, member, help);
    rows.push_back(
        {prefix_ + name, type_name<T>(), writer.result[name].dump(), std::move(allowed), help});
  }

  template <class T>
  static std::string type_name() {
    if constexpr (is_optional<T>::value) {
      return type_name<typename T::value_type>() + " or null";
    } else if constexpr (is_vector<T>::value) {
      return "list of " + type_name<typename T::value_type>();
    } else if constexpr (std::is_same_v<T, bool>) {
      return "bool";
    } else if constexpr (std::is_integral_v<T>) {
      return "integer";
    } else if constexpr (std::is_floating_point_v<T>) {
      return "number";
    } else if constexpr (std::is_same_v<T, Json>) {
      return "any";
    } else {
      return OptionStruct<T> ? "section" : "text";
    }
  }
  static std::string listed(const Choices& choices);
  static std::string range(Bounds bounds);

  std::string prefix_;
};

/// Throws `config` with one line a problem.
[[noreturn]] void throw_option_problems(std::vector<std::string> problems);

/// Options from a JSON object; throws `config` with every problem at once.
template <OptionStruct T>
T read_options(const Json& object, const std::string& where) {
  T options;
  std::vector<std::string> problems;
  OptionReader reader(object, where, problems);
  options.visit(reader);
  reader.finish();
  if (!problems.empty()) throw_option_problems(std::move(problems));
  return options;
}

/// As above, but appends the problems instead of throwing, so that several sections report
/// together.
template <OptionStruct T>
T read_options(const Json& object, const std::string& where, std::vector<std::string>& problems) {
  T options;
  OptionReader reader(object, where, problems);
  options.visit(reader);
  reader.finish();
  return options;
}

template <OptionStruct T>
Json write_options(T options) {
  OptionWriter writer;
  options.visit(writer);
  return writer.result;
}

template <OptionStruct T>
std::vector<OptionRow> describe_options(const std::string& prefix = "") {
  T options;
  OptionDescriber describer(prefix);
  options.visit(describer);
  return describer.rows;
}

/// Sets a dotted key of a JSON object from `--set a.b=value`. A value that begins with `[`, `{` or
/// a quote is read as YAML, any other as one plain YAML scalar, so that `note=a: b #1` is that
/// text. Throws `usage` when the text has no `=`, a part of the key is empty or names a value
/// instead of a section.
void set_option(Json& object, const std::string& assignment);

}  // namespace kindred
