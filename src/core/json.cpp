#include "core/json.h"

#include <algorithm>
#include <vector>

#include "core/error.h"
#include "core/files.h"
#include "core/strings.h"

namespace kindred {
namespace {

constexpr size_t depth_limit = 200;
constexpr uint64_t file_limit = uint64_t{1} << 30;

/// Builds the value from the parser's events. The library's own builder searches an object's keys
/// one by one at each insertion, which is quadratic on a vocabulary, and keeps the last of two
/// equal keys.
class Builder {
 public:
  using number_integer_t = Json::number_integer_t;
  using number_unsigned_t = Json::number_unsigned_t;
  using number_float_t = Json::number_float_t;
  using string_t = Json::string_t;
  using binary_t = Json::binary_t;

  Builder(std::string_view text, const std::string& where) : text_(text), where_(where) {}

  bool null() { return put(nullptr); }
  bool boolean(bool value) { return put(value); }
  bool number_integer(number_integer_t value) { return put(value); }
  bool number_unsigned(number_unsigned_t value) { return put(value); }
  bool number_float(number_float_t value, const string_t&) { return put(value); }
  bool string(string_t& value) { return put(std::move(value)); }
  bool binary(binary_t&) { return false; }
  bool start_object(size_t) { return open(true); }
  bool start_array(size_t) { return open(false); }
  bool end_object() { return close(); }
  bool end_array() { return close(); }

  bool key(string_t& name) {
    open_.back().members.emplace_back(std::move(name), nullptr);
    return true;
  }

  template <class Exception>
  bool parse_error(size_t position, const std::string& token, const Exception& exception) {
    // The library counts the byte it stopped at from 1.
    const size_t offset = std::min(position > 0 ? position - 1 : 0, text_.size());
    const auto line =
        1 + std::count(text_.begin(), text_.begin() + static_cast<long>(offset), '\n');
    throw Error(Exit::bad_data, where_,
                cat("not valid JSON at byte ", offset, " (line ", line,
                    "): ", reason(exception.what(), offset, token)));
  }

  Json take() { return std::move(root_); }

 private:
  // Members are gathered in a vector of their own: Json's object copies its values when it grows.
  struct Level {
    bool object;
    std::vector<std::pair<std::string, Json>> members;
    std::vector<Json> elements;
  };

  std::string reason(std::string_view what, size_t offset, const std::string& token) const {
    if (what.find("UTF-8") != std::string_view::npos) return "text that is not UTF-8";
    if (what.find("overflow") != std::string_view::npos) return "the number is too large";
    if (offset >= text_.size()) return "the text ends too early";
    return "unexpected " + quote(token.substr(token.size() - std::min<size_t>(token.size(), 20)));
  }

  template <class Value>
  bool put(Value&& value) {
    return place(Json(std::forward<Value>(value)));
  }

  bool place(Json value) {
    if (open_.empty()) {
      root_ = std::move(value);
    } else if (open_.back().object) {
      open_.back().members.back().second = std::move(value);
    } else {
      open_.back().elements.push_back(std::move(value));
    }
    return true;
  }

  bool open(bool object) {
    if (open_.size() == depth_limit)
      throw Error(Exit::bad_data, where_, cat("JSON nested deeper than ", depth_limit, " levels"));
    open_.push_back({object, {}, {}});
    return true;
  }

  bool close() {
    Level level = std::move(open_.back());
    open_.pop_back();
    if (!level.object) return place(Json(std::move(level.elements)));
    refuse_repeated(level);
    Json value = Json::object();
    value.get_ref<Json::object_t&>().reserve(level.members.size());
    for (auto& [key, member] : level.members)
      append_member(value, std::move(key), std::move(member));
    return place(std::move(value));
  }

  void refuse_repeated(const Level& level) const {
    std::vector<std::string_view> keys;
    keys.reserve(level.members.size());
    for (const auto& member : level.members) keys.push_back(member.first);
    std::sort(keys.begin(), keys.end());
    const auto twice = std::adjacent_find(keys.begin(), keys.end());
    if (twice != keys.end())
      throw Error(Exit::bad_data, where_,
                  "the key " + quote(*twice) + " is there twice in one object; remove one");
  }

  std::string_view text_;
  const std::string& where_;
  std::vector<Level> open_;
  Json root_;
};

}  // namespace

Json parse_json(std::string_view text, const std::string& where) {
  // The parser takes a NUL for the end; inside strings it must be escaped, so there is no place for
  // one.
  if (const size_t nul = text.find('\0'); nul != text.npos)
    throw Error(Exit::bad_data, where, cat("not valid JSON at byte ", nul, ": a NUL byte"));
  Builder builder(text, where);
  check(Json::sax_parse(text.begin(), text.end(), &builder), "the JSON builder throws on errors");
  return builder.take();
}

void append_member(Json& object, std::string key, Json value) {
  // The map's own emplace would search; its base only appends.
  std::vector<Json::object_t::value_type>& pairs = object.get_ref<Json::object_t&>();
  pairs.emplace_back(std::move(key), std::move(value));
}

Json read_json(const std::string& path) {
  return parse_json(read_file(path, file_limit), path);
}

}  // namespace kindred
