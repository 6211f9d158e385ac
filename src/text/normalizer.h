#pragma once
// What `tokenizer.json` calls the normalizer: changes to the text before it is split.

#include <string>
#include <string_view>
#include <vector>

#include "text/json_node.h"
#include "text/unicode.h"

namespace kindred::text {

/// A chain of changes: normal forms, replacements of a fixed string, a prefix, stripped ends.
class Normalizer {
 public:
  /// Reads the `normalizer` of a `tokenizer.json`. Throws `bad_data` naming a kind that is not
  /// known.
  static Normalizer of_json(const JsonNode& node);
  static Normalizer of_form(NormalForm form);

  bool empty() const { return steps_.empty(); }
  std::string apply(std::string_view text) const;

 private:
  struct Step {
    enum class Kind { form, replace, prepend, strip } kind = Kind::form;
    NormalForm form = NormalForm::nfc;
    std::string from = {}, to = {};  // replace; prepend puts `to` in front
    bool left = true, right = true;  // strip
  };

  static void read(const JsonNode& node, int depth, std::vector<Step>& steps);
  static std::string apply(const Step& step, std::string text);

  std::vector<Step> steps_;
};

}  // namespace kindred::text
