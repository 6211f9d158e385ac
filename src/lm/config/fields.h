#pragma once
// What the configurations of all kinds of language models share: fields read one by one with every
// problem collected, activation names, tensors by name.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/json.h"

namespace kindred::lm {

/// Activation functions by what they compute; configurations have several names for some.
enum class Activation { gelu_tanh, gelu_erf, quick_gelu, relu, silu, tanh };

/// The activation function of that name, or nothing.
std::optional<Activation> activation_named(const std::string& name);
/// All names of activation functions.
std::vector<std::string> activation_names();

/// A tensor a model has: its Hugging Face name and shape.
struct TensorSpec {
  std::string name;
  std::vector<int64_t> shape;
};

/// Reads the fields of a config.json and collects what is wrong with them, one line a problem
/// (where, key, value, allowed range). Absent and null fields keep their defaults.
class FieldReader {
 public:
  /// `where` names the file. Throws `config` when `json` is not an object.
  FieldReader(const Json& json, const std::string& where);

  void problem(const std::string& key, const std::string& sentence);
  /// The value of a key, or null when it is absent or null.
  const Json* find(const char* key) const;

  void integer(const char* key, int64_t& value, int64_t low, int64_t high);
  void number(const char* key, double& value, double low, double high);
  void boolean(const char* key, bool& value);
  /// Another model's name for the same size, which `transformers` maps too; they must not disagree.
  void alias(const char* key, const char* other, int64_t& value, int64_t high);
  /// `name` and `kind` of an activation function.
  void activation(const char* key, std::string& name, Activation& kind);
  /// The field, absent counting as `original`: a token id, a list of them, or null for none. Ids at
  /// or beyond `vocab`, which small folders keep from large ones, are left out.
  std::vector<int64_t> tokens(const char* key, int64_t original, int64_t vocab);
  /// Names fields that must be absent, null, false or empty because what they ask for is not done.
  void refuse(std::initializer_list<const char*> keys);
  /// A field that is honoured with one value only.
  void expect(const char* key, const Json& only);
  /// A problem under `key` when that many weights are beyond any machine (a typing error or an
  /// attack).
  void weights(const char* key, double count);

  /// Throws `config` with every problem, if there is any.
  void finish();

 private:
  const Json& json_;
  std::string where_;
  std::vector<std::string> problems_;
};

/// A number, a list, or null where there is none: how configurations write end tokens.
Json token_field(const std::vector<int64_t>& ids);

}  // namespace kindred::lm
