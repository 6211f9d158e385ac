#pragma once
// A pickle reader that executes nothing. It knows the part of protocol 2 that PyTorch writes for a
// dictionary of tensors; every other opcode and every other global name is refused.

#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace kindred {

/// A value of a pickle. Values refer to each other by pointer inside the Pickle that owns them all.
struct PickleValue {
  enum class Kind {
    none,
    boolean,
    integer,
    real,
    text,
    tuple,
    list,
    dict,
    global,
    persistent,
    call
  };

  Kind kind = Kind::none;
  int64_t integer = 0;  ///< also a boolean's
  double real = 0;
  std::string text = {};                       ///< a text, or the "module name" of a global
  std::vector<const PickleValue*> items = {};  ///< of a tuple or list, or a call's arguments
  /// of a dict, in order
  std::vector<std::pair<const PickleValue*, const PickleValue*>> pairs = {};
  const PickleValue* inner = nullptr;  ///< a call's function, or what a persistent id names
};

/// A pickle's values and the one at its top. A call of an allowed function stays a `call` value:
/// what it means is up to the reader. `OrderedDict()` is a dict.
class Pickle {
 public:
  /// Throws `bad_data` in the name of `where`, naming the opcode or global that is refused and its
  /// place. `allowed` lists the globals that may appear, as "module name".
  Pickle(std::string_view bytes, const std::string& where, std::vector<std::string> allowed);

  const PickleValue& root() const { return *root_; }

 private:
  friend class PickleReader;
  std::deque<PickleValue> values_;  // an arena: cycles and deep nesting cost nothing to destroy
  const PickleValue* root_ = nullptr;
};

/// "a dict", "an integer": what a value is, for a message.
const char* kind_name(const PickleValue& value);

}  // namespace kindred
