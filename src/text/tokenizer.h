#pragma once
// Tokenizers: text to token ids and back, as the reference library does for the same folder.

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/files.h"

namespace kindred::text {

/// Which end of a text is cut where it is too long.
enum class Side { left, right };

/// What `encode` does beside splitting.
struct EncodeOptions {
  /// Adds what the tokenizer's post-processor adds (a leading `</s>` for OPT, nothing for GPT-2).
  bool add_special_tokens = true;
  /// Reads special strings in the text ("<|endoftext|>") as the special tokens they name. Off for
  /// text that people wrote: then it yields no special id.
  bool parse_special = true;
  /// The most ids of the result, special tokens included; longer texts are cut. Absent: no limit.
  std::optional<size_t> max_length = {};
  Side truncation_side = Side::right;
};

/// How a text may be cut into parts that are encoded apart: before a space (U+0020) that follows a
/// visible ASCII character and is followed by something that is no ASCII white space. The parts'
/// ids are then the whole text's, special tokens of the text not parsed.
enum class SpaceCut {
  never,  ///< not at all: what stands around may change the ids
  keep,   ///< the part after the cut keeps its space
  drop,   ///< the part after the cut loses it: every text gets one in front of itself
};

/// Two texts as one input.
struct PairIds {
  std::vector<int32_t> ids;
  std::vector<int32_t> types;  ///< of each id: the text it belongs to, as the tokenizer numbers it
};

/// Text to ids and back. Immutable: one object may be used from many threads at once.
class Tokenizer {
 public:
  virtual ~Tokenizer() = default;

  /// Loads the tokenizer of a Hugging Face folder: `tokenizer.json`, followed literally (its
  /// truncation and padding are not applied), else `vocab.json` + `merges.txt`,
  /// `vocab.txt`, `tokenizer.model` or `spiece.model`;
  /// special tokens and flags also from `tokenizer_config.json`, `special_tokens_map.json` and
  /// `added_tokens.json`.
  /// Throws `missing` where the folder or its files are not there, `bad_data` naming file and line
  /// or key otherwise.
  static std::shared_ptr<Tokenizer> load(const fs::path& folder);
  /// Whether a folder holds a file that load() begins with.
  static bool is_in(const fs::path& folder);

  /// Reads the text of a `tokenizer.json`; `where` begins every message. Throws `bad_data`.
  static std::shared_ptr<Tokenizer> from_json(std::string_view json, const std::string& where);

  /// The ids of a text. Ill-formed UTF-8 is read as U+FFFD. Time grows linearly with the text, up
  /// to a logarithm within one long word. Throws `config` where `max_length` leaves no room for the
  /// special tokens.
  virtual std::vector<int32_t> encode(std::string_view text,
                                      const EncodeOptions& options = {}) const = 0;

  /// The ids of two texts, with what the post-processor puts around and between them. Beyond
  /// `max_length` the longer text is cut first, then both alike. Throws `config` where the
  /// tokenizer's file does not say what stands around two texts.
  virtual PairIds encode_pair(std::string_view first, std::string_view second,
                              const EncodeOptions& options = {}) const = 0;

  /// The text of ids; ids without a token add nothing. Bytes that are not UTF-8 become U+FFFD.
  /// `skip_special` leaves special tokens out.
  virtual std::string decode(std::span<const int32_t> ids, bool skip_special = false) const = 0;

  /// The token as the vocabulary stores it ("Ġthe"); empty for an id without a token.
  virtual std::string piece(int32_t id) const = 0;

  /// The id of a token as the vocabulary stores it.
  virtual std::optional<int32_t> id_of(std::string_view token) const = 0;

  /// Whether the id is a special token.
  virtual bool is_special(int32_t id) const = 0;

  /// Largest id + 1; a backbone's vocabulary V may be larger, never smaller.
  virtual int32_t size() const = 0;

  /// The ids `encode` puts before and after every text when special tokens are added.
  virtual std::vector<int32_t> prefix_ids() const = 0;
  virtual std::vector<int32_t> suffix_ids() const = 0;

  /// Where a text may be cut so that its parts can be encoded once and kept; `never` wherever that
  /// is not proven.
  virtual SpaceCut space_cut() const = 0;

  /// The special tokens that the folder names, where their ids exist.
  std::optional<int32_t> bos() const { return special_.bos; }
  std::optional<int32_t> eos() const { return special_.eos; }
  std::optional<int32_t> pad() const { return special_.pad; }
  std::optional<int32_t> unk() const { return special_.unk; }
  std::optional<int32_t> mask() const { return special_.mask; }

 protected:
  struct SpecialIds {
    std::optional<int32_t> bos, eos, pad, unk, mask;
  };
  SpecialIds special_;
};

}  // namespace kindred::text
