#include "core/pickle.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <unordered_map>

#include "core/error.h"
#include "core/strings.h"
#include "core/utf8.h"

namespace kindred {

using Kind = PickleValue::Kind;

namespace {

// Some fifteen values a tensor: enough for a hundred thousand tensors, and never more than 300 MB.
constexpr size_t value_limit = 2'000'000;
constexpr char ordered_dict[] = "collections OrderedDict";

}  // namespace

/// The stack machine. Its stack, marks and memo hold pointers into the arena.
class PickleReader {
 public:
  PickleReader(std::string_view bytes, const std::string& where,
               const std::vector<std::string>& allowed, Pickle& pickle)
      : bytes_(bytes), where_(where), allowed_(allowed), pickle_(pickle) {}

  void read() {
    while (true) {
      begun_ = at_;
      const auto opcode = static_cast<uint8_t>(take(1)[0]);
      if (opcode == '.') break;
      step(opcode);
    }
    if (stack_.size() != 1 || !marks_.empty()) fail("it ends with an unfinished value");
    if (at_ != bytes_.size()) fail("bytes follow its end");
    pickle_.root_ = stack_.back();
  }

 private:
  [[noreturn]] void fail(const std::string& sentence) const {
    throw Error(Exit::bad_data, where_, cat("byte ", begun_, ": ", sentence));
  }

  void step(uint8_t opcode) {
    switch (opcode) {
      case 0x80:  // PROTO
        if (const uint64_t protocol = number<uint8_t>(); protocol != 2)
          fail(cat("got pickle protocol ", protocol, ", expected 2"));
        return;
      case 'c':
        return global();
      case 'q':
        return memorize(number<uint8_t>());
      case 'r':
        return memorize(number<uint32_t>());
      case 'h':
        return recall(number<uint8_t>());
      case 'j':
        return recall(number<uint32_t>());
      case '(':
        return mark();
      case ')':
        return push({.kind = Kind::tuple});
      case ']':
        return push({.kind = Kind::list});
      case '}':
        return push({.kind = Kind::dict});
      case 't':
        return tuple(pop_to_mark());
      case 0x85:
      case 0x86:
      case 0x87:
        return tuple(pop_last(opcode - 0x84u));
      case 'a':
        return append(pop_last(1));
      case 'e':
        return append(pop_to_mark());
      case 's':
        return set_items(pop_last(2));
      case 'u':
        return set_items(pop_to_mark());
      case 'R':
        return reduce();
      case 'b':
        return build();
      case 'Q':
        return push({.kind = Kind::persistent, .inner = pop()});
      default:
        return literal(opcode);
    }
  }

  void literal(uint8_t opcode) {
    switch (opcode) {
      case 'N':
        return push({.kind = Kind::none});
      case 0x88:
      case 0x89:
        return push({.kind = Kind::boolean, .integer = opcode == 0x88 ? 1 : 0});
      case 'K':
        return push({.kind = Kind::integer, .integer = number<uint8_t>()});
      case 'M':
        return push({.kind = Kind::integer, .integer = number<uint16_t>()});
      case 'J':
        return push({.kind = Kind::integer, .integer = number<int32_t>()});
      case 0x8a:  // LONG1
        return push({.kind = Kind::integer, .integer = long_integer(take(number<uint8_t>()))});
      case 'G':
        return push({.kind = Kind::real, .real = big_endian_double(take(8))});
      case 'X':
        return text(take(number<uint32_t>()));
      default:
        fail(cat("the opcode 0x", digit(opcode >> 4), digit(opcode & 15),
                 " does not belong in a dictionary of tensors; it was not executed"));
    }
  }

  static char digit(int value) { return "0123456789abcdef"[value]; }

  std::string_view take(uint64_t count) {
    if (count > bytes_.size() - at_) fail("it ends too early");
    const std::string_view taken = bytes_.substr(at_, count);
    at_ += count;
    return taken;
  }

  template <class T>
  T number() {
    T value;
    std::memcpy(&value, take(sizeof(T)).data(), sizeof(T));
    return value;
  }

  int64_t long_integer(std::string_view bytes) const {
    if (bytes.size() > 8) fail("an integer of more than 64 bits");
    uint64_t value = 0;
    for (size_t i = 0; i < bytes.size(); ++i)
      value |= uint64_t{static_cast<uint8_t>(bytes[i])} << (8 * i);
    const bool negative = !bytes.empty() && (bytes.back() & 0x80) != 0;
    if (negative && bytes.size() < 8) value |= ~uint64_t{0} << (8 * bytes.size());
    return static_cast<int64_t>(value);
  }

  static double big_endian_double(std::string_view bytes) {
    uint64_t value = 0;
    for (const char byte : bytes) value = value << 8 | static_cast<uint8_t>(byte);
    return std::bit_cast<double>(value);
  }

  void text(std::string_view bytes) {
    if (!is_utf8(bytes)) fail("a text that is not UTF-8");
    push({.kind = Kind::text, .text = std::string(bytes)});
  }

  std::string_view line() {
    const size_t end = bytes_.find('\n', at_);
    if (end == bytes_.npos) fail("it ends too early");
    const std::string_view text = take(end - at_);
    take(1);
    return text;
  }

  void global() {
    const std::string_view module = line();
    const std::string name = std::string(module) + " " + std::string(line());
    if (std::find(allowed_.begin(), allowed_.end(), name) == allowed_.end())
      fail("refers to " + quote(name) +
           ", which is not among the names a dictionary of tensors needs; it was not executed");
    push({.kind = Kind::global, .text = name});
  }

  void push(PickleValue value) {
    if (pickle_.values_.size() == value_limit)
      fail(cat("it has more than ", value_limit, " values"));
    pickle_.values_.push_back(std::move(value));
    stack_.push_back(&pickle_.values_.back());
  }

  size_t floor() const { return marks_.empty() ? 0 : marks_.back(); }

  PickleValue* top() const {
    if (stack_.size() <= floor()) fail("the stack is empty");
    return stack_.back();
  }

  PickleValue* pop() {
    PickleValue* value = top();
    stack_.pop_back();
    return value;
  }

  std::vector<const PickleValue*> pop_last(size_t count) {
    if (stack_.size() - floor() < count) fail("the stack is empty");
    std::vector<const PickleValue*> values(stack_.end() - static_cast<ptrdiff_t>(count),
                                           stack_.end());
    stack_.resize(stack_.size() - count);
    return values;
  }

  void mark() {
    if (marks_.size() == value_limit) fail("too many marks");
    marks_.push_back(stack_.size());
  }

  std::vector<const PickleValue*> pop_to_mark() {
    if (marks_.empty()) fail("a mark is missing");
    auto values = pop_last(stack_.size() - marks_.back());
    marks_.pop_back();
    return values;
  }

  void tuple(std::vector<const PickleValue*> items) {
    push({.kind = Kind::tuple, .items = std::move(items)});
  }

  void append(const std::vector<const PickleValue*>& items) {
    PickleValue* list = top();
    if (list->kind != Kind::list) fail(cat("appends to ", kind_name(*list)));
    list->items.insert(list->items.end(), items.begin(), items.end());
  }

  void set_items(const std::vector<const PickleValue*>& items) {
    PickleValue* dict = top();
    if (dict->kind != Kind::dict) fail(cat("sets an item of ", kind_name(*dict)));
    if (items.size() % 2 != 0) fail("a key without its value");
    for (size_t i = 0; i < items.size(); i += 2) dict->pairs.emplace_back(items[i], items[i + 1]);
  }

  void memorize(uint64_t place) { memo_[place] = top(); }

  void recall(uint64_t place) {
    const auto found = memo_.find(place);
    if (found == memo_.end()) fail("recalls what was not stored");
    if (stack_.size() >= value_limit) fail("the stack is too large");
    stack_.push_back(found->second);
  }

  void reduce() {
    const PickleValue* arguments = pop();
    const PickleValue* function = pop();
    if (function->kind != Kind::global) fail(cat("calls ", kind_name(*function)));
    if (arguments->kind != Kind::tuple) fail("calls without a tuple of arguments");
    if (function->text != ordered_dict)
      return push({.kind = Kind::call, .items = arguments->items, .inner = function});
    if (!arguments->items.empty()) fail("an OrderedDict made from arguments");
    push({.kind = Kind::dict});
  }

  /// Attributes: a state dict's `_metadata`, which says nothing about the tensors.
  void build() {
    pop();
    if (top()->kind != Kind::dict) fail(cat("sets attributes of ", kind_name(*top())));
  }

  std::string_view bytes_;
  const std::string& where_;
  const std::vector<std::string>& allowed_;
  Pickle& pickle_;
  uint64_t at_ = 0, begun_ = 0;
  std::vector<PickleValue*> stack_;
  std::vector<size_t> marks_;
  std::unordered_map<uint64_t, PickleValue*> memo_;
};

Pickle::Pickle(std::string_view bytes, const std::string& where, std::vector<std::string> allowed) {
  allowed.emplace_back(ordered_dict);
  PickleReader(bytes, where, allowed, *this).read();
}

const char* kind_name(const PickleValue& value) {
  switch (value.kind) {
    case Kind::none:
      return "None";
    case Kind::boolean:
      return "a bool";
    case Kind::integer:
      return "an integer";
    case Kind::real:
      return "a float";
    case Kind::text:
      return "a text";
    case Kind::tuple:
      return "a tuple";
    case Kind::list:
      return "a list";
    case Kind::dict:
      return "a dict";
    case Kind::global:
      return "a class or function";
    case Kind::persistent:
      return "a storage";
    case Kind::call:
      return "the result of a call";
  }
  return "something else";
}

}  // namespace kindred
