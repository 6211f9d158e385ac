#include "core/yaml.h"

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include <algorithm>
#include <map>
#include <set>
#include <sstream>
#include <vector>

#include "core/error.h"
#include "core/strings.h"
#include "core/utf8.h"

namespace kindred {
namespace {

constexpr size_t text_limit = size_t{1} << 20;
constexpr size_t depth_limit = 64;
constexpr size_t alias_node_limit = 10000;
constexpr size_t alias_byte_limit = size_t{1} << 20;
constexpr char core_tag[] = "tag:yaml.org,2002:";

/// How much a value holds: what an alias to it would repeat.
struct Extent {
  size_t nodes = 1, bytes = 0, height = 0;
};

Extent measure(const Json& value) {
  Extent extent;
  if (value.is_string()) extent.bytes = value.get_ref<const std::string&>().size();
  if (!value.is_structured()) return extent;
  for (const auto& [key, member] : value.items()) {
    const Extent inner = measure(member);
    extent.nodes += inner.nodes;
    extent.bytes += inner.bytes + (value.is_object() ? key.size() : 0);
    extent.height = std::max(extent.height, inner.height);
  }
  ++extent.height;
  return extent;
}

/// Builds the value from the parser's events. Events rather than the library's node graph: an alias
/// is paid for where it is expanded, and a repeated key is seen.
class Builder : public YAML::EventHandler {
 public:
  explicit Builder(const std::string& where) : where_(where) {}

  void OnDocumentStart(const YAML::Mark& mark) override {
    if (seen_) fail(mark, "a second document begins here, expected one");
    seen_ = true;
  }
  void OnDocumentEnd() override {}

  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    put(mark, anchor, nullptr, "null");
  }

  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& text) override {
    // The library turns the escapes \\N and \\_ into single bytes.
    if (!is_utf8(text)) fail(mark, "an escape that does not stand for UTF-8; write it as \\uXXXX");
    // A key is its text, whatever it would mean as a value.
    put(mark, anchor, expects_key() ? Json(text) : scalar(mark, tag, text), text);
  }

  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    const auto found = anchors_.find(anchor);
    if (found == anchors_.end()) fail(mark, "an alias inside of what it refers to");
    const Extent extent = measure(found->second);
    alias_nodes_ += extent.nodes;
    alias_bytes_ += extent.bytes;
    if (alias_nodes_ > alias_node_limit || alias_bytes_ > alias_byte_limit)
      fail(mark, cat("aliases expand to more than ", alias_node_limit, " nodes or ",
                     alias_byte_limit, " bytes"));
    if (open_.size() + extent.height > depth_limit) fail_depth(mark);
    const Json copy = found->second;
    put(mark, 0, copy, copy.is_string() ? copy.get<std::string>() : "");
  }

  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    open(mark, anchor, Json::array(), tag, "seq");
  }
  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    open(mark, anchor, Json::object(), tag, "map");
  }
  void OnSequenceEnd() override { close(); }
  void OnMapEnd() override { close(); }

  Json take() { return std::move(root_); }

  [[noreturn]] void fail(const YAML::Mark& mark, const std::string& message) const {
    throw Error(Exit::config, where_,
                cat("line ", mark.line + 1, ", column ", mark.column + 1, ": ", message));
  }

 private:
  struct Level {
    Json value;
    YAML::Mark mark;
    YAML::anchor_t anchor;
    bool has_key = false;
    std::string key;
    std::set<std::string> keys;
  };

  bool expects_key() const {
    return !open_.empty() && open_.back().value.is_object() && !open_.back().has_key;
  }

  [[noreturn]] void fail_depth(const YAML::Mark& mark) const {
    fail(mark, cat("nested deeper than ", depth_limit, " levels"));
  }

  Json scalar(const YAML::Mark& mark, const std::string& tag, const std::string& text) const {
    if (tag == "!" || tag == std::string(core_tag) + "str") return text;
    Json value;
    try {
      value = yaml_scalar(text);
    } catch (const Error& error) {
      fail(mark, error.lines().front());
    }
    if (tag.empty() || tag == "?") return value;
    const std::string wanted = tag.starts_with(core_tag) ? tag.substr(sizeof core_tag - 1) : "";
    if (wanted == "int" && value.is_number_integer()) return value;
    if (wanted == "float" && value.is_number()) return value.get<double>();
    if (wanted == "bool" && value.is_boolean()) return value;
    if (wanted == "null" && value.is_null()) return value;
    fail(mark, "the tag " + quote(tag) + " does not fit " + quote(text));
  }

  void open(const YAML::Mark& mark, YAML::anchor_t anchor, Json empty, const std::string& tag,
            const char* kind) {
    if (!tag.empty() && tag != "?" && tag != "!" && tag != std::string(core_tag) + kind)
      fail(mark, "the tag " + quote(tag) + " is not of the core schema");
    if (expects_key()) fail(mark, "a key must be a scalar; is a bracket or quote left open?");
    if (open_.size() == depth_limit) fail_depth(mark);
    open_.push_back({std::move(empty), mark, anchor, false, {}, {}});
  }

  void close() {
    Level level = std::move(open_.back());
    open_.pop_back();
    put(level.mark, level.anchor, std::move(level.value), "");
  }

  void put(const YAML::Mark& mark, YAML::anchor_t anchor, Json value, const std::string& text) {
    if (anchor != 0) anchors_[anchor] = value;
    if (open_.empty()) {
      root_ = std::move(value);
      return;
    }
    Level& level = open_.back();
    if (level.value.is_array()) {
      level.value.push_back(std::move(value));
    } else if (level.has_key) {
      append_member(level.value, level.key, std::move(value));
      level.has_key = false;
    } else {
      if (!value.is_string() && !value.is_null()) fail(mark, "a key must be a scalar");
      if (!level.keys.insert(text).second) fail(mark, "the key " + quote(text) + " is there twice");
      level.key = text;
      level.has_key = true;
    }
  }

  const std::string& where_;
  bool seen_ = false;
  size_t alias_nodes_ = 0, alias_bytes_ = 0;
  std::vector<Level> open_;
  std::map<YAML::anchor_t, Json> anchors_;
  Json root_;
};

void refuse_bytes(std::string_view text, const std::string& where) {
  if (text.size() > text_limit)
    throw Error(Exit::config, where,
                cat("got ", text.size(), " bytes of YAML, expected at most ", text_limit));
  size_t bad = 0;
  if (!is_utf8(text, &bad))
    throw Error(Exit::config, where, cat("byte ", bad, " is not UTF-8; save the file as UTF-8"));
  const auto control = std::find_if(text.begin(), text.end(), [](unsigned char c) {
    return (c < 0x20 && c != '\t' && c != '\n' && c != '\r') || c == 0x7f;
  });
  if (control != text.end())
    throw Error(Exit::config, where,
                cat("byte ", control - text.begin(), " is a control character; remove it"));
}

}  // namespace

Json parse_yaml(std::string_view text, const std::string& where) {
  refuse_bytes(text, where);
  Builder builder(where);
  std::istringstream stream{std::string(text)};
  try {
    YAML::Parser parser(stream);
    while (parser.HandleNextDocument(builder)) {
    }
  } catch (const YAML::Exception& error) {
    builder.fail(error.mark, "not valid YAML: " + error.msg);
  }
  return builder.take();
}

}  // namespace kindred
