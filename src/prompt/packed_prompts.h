#pragma once
// Prompts packed one after another as plain numbers, made without any model (also from a
// prefetching thread). Legend: T packed tokens of S sequences.

#include <cstdint>
#include <span>
#include <vector>

#include "prompt/template.h"

namespace kindred::prompt {

/// Where what fills one slot of a prompt came to stand, and what of it was left out.
struct Landing {
  /// Packed positions from the first of its tokens to behind the last, of all entries where the
  /// slot is a list's; -1 for texts and lists, whose tokens may be one with those of the words
  /// beside them, and where there is none.
  int64_t begin = -1, end = -1;
  int64_t cut = 0;  ///< rows, words or entries left out; of a text bytes
};

/// Where one prompt came to stand.
struct Placed {
  int64_t begin = 0, end = 0;  ///< packed positions from its first token to behind its last
  std::vector<Landing> slots;  ///< by slot number of the template

  int64_t last() const { return end - 1; }
  bool is_cut() const;
};

/// Packed prompts. A token is a vocabulary id or a row of a slot kind, and never both: no text can
/// produce a slot.
class PackedPrompts {
 public:
  /// Kind of a vocabulary word.
  static constexpr int word = -1;

  /// Appends one prompt; `fillings` are by slot number of the template. Where it would be longer
  /// than `limit`, slots are cut in the order in which the template lets them give way. Throws
  /// `config` where the template alone is longer, `bad_data` where what may not be cut is.
  Placed add(const Template& form, std::span<const Filling> fillings, int64_t limit);
  /// Appends a prompt given token by token.
  void add(std::span<const int32_t> ids, std::span<const int> kinds);
  /// What stands from the packed position `begin` on in the prompt added last is the main text that
  /// follows it: what an encoder-decoder reads in its decoder. Without this a prompt has none.
  void begin_main_text(int64_t begin);

  int64_t sequences() const { return static_cast<int64_t>(offsets_.size()) - 1; }
  int64_t tokens() const { return offsets_.back(); }
  const std::vector<int32_t>& ids() const { return ids_; }          ///< [T]
  const std::vector<int>& kinds() const { return kinds_; }          ///< [T], word or a slot kind
  const std::vector<int64_t>& offsets() const { return offsets_; }  ///< [S + 1]
  const std::vector<int64_t>& splits() const { return splits_; }    ///< [S] where main texts begin

 private:
  class Writer;
  void finish_prompt();

  std::vector<int32_t> ids_;
  std::vector<int> kinds_;
  std::vector<int64_t> offsets_{0}, splits_;
};

/// The packed positions of each sequence's last token: where a one-step answer is read.
std::vector<int64_t> last_positions(const PackedPrompts& prompts);

}  // namespace kindred::prompt
