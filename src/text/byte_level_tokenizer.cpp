// Byte-level BPE tokenizers: GPT-2, OPT, RoBERTa, Qwen and their kin.

#include <unordered_map>

#include "core/error.h"
#include "core/log.h"
#include "core/strings.h"
#include "text/byte_level.h"
#include "text/tokenizer_parts.h"

namespace kindred::text {
namespace {

std::vector<AddedToken> chosen(const std::vector<AddedToken>& tokens, bool normalized) {
  std::vector<AddedToken> result;
  for (const AddedToken& token : tokens) {
    if (token.normalized == normalized) result.push_back(token);
  }
  return result;
}

/// Tokens looked for in the normalized text are normalized themselves.
std::vector<AddedToken> normalized_tokens(const TokenizerParts& parts) {
  std::vector<AddedToken> tokens = chosen(parts.added, true);
  for (AddedToken& token : tokens) token.content = parts.normalizer.apply(token.content);
  return tokens;
}

class ByteLevelTokenizer final : public Tokenizer {
 public:
  explicit ByteLevelTokenizer(TokenizerParts parts)
      : parts_(std::move(parts)),
        raw_tokens_(chosen(parts_.added, false)),
        normalized_tokens_(normalized_tokens(parts_)),
        model_(parts_.vocabulary, parts_.merges, parts_.model),
        is_special_(static_cast<size_t>(parts_.vocabulary.size())) {
    for (const AddedToken& token : parts_.added) {
      if (token.special) is_special_[static_cast<size_t>(token.id)] = true;
      if (!token.normalized) continue;
      std::string normal = parts_.normalizer.apply(token.content);
      if (normal != token.content) written_.emplace(token.id, std::move(normal));
    }
    const auto role = [&](const char* name) -> std::optional<int32_t> {
      const auto found = parts_.roles.find(name);
      if (found == parts_.roles.end()) return std::nullopt;
      return found->second;
    };
    special_ = {role("bos_token"), role("eos_token"), role("pad_token"), role("unk_token"),
                role("mask_token")};
    parts_.merges = {};
    if (const int known = model_.known_bytes(); known < 256) {
      log::warning(cat(parts_.where, ": ", 256 - known, " of 256 bytes have no token; they are ",
                       parts_.model.unk ? "read as the unknown token" : "left out"));
    }
  }

  std::vector<int32_t> encode(std::string_view text, const EncodeOptions& options) const override {
    std::vector<int32_t> ids;
    ids.reserve(text.size() / 4 + 8);
    if (options.add_special_tokens) ids = parts_.prefix;
    std::string sanitized;
    if (!is_valid_utf8(text)) text = sanitized = sanitize_utf8(text);
    raw_tokens_.cut(text, options.parse_special, [&](const Segment& segment) {
      if (segment.id >= 0) {
        ids.push_back(segment.id);
      } else {
        encode_stretch(segment.text, options.parse_special, ids);
      }
    });
    if (options.add_special_tokens) {
      ids.insert(ids.end(), parts_.suffix.begin(), parts_.suffix.end());
    }
    return ids;
  }

  std::string decode(std::span<const int32_t> ids, bool skip_special) const override {
    std::string bytes;
    bool first = true;
    for (const int32_t id : ids) {
      if (!parts_.vocabulary.has(id) || (skip_special && is_special(id))) continue;
      const std::string_view token = written(id);
      if (parts_.decoder == Decoder::byte_level) {
        const auto known = from_byte_level(token);
        bytes += known ? *known : token;
      } else {
        bytes.append(first ? "" : " ").append(token);
      }
      first = false;
    }
    return sanitize_utf8(bytes);
  }

  std::string piece(int32_t id) const override {
    return parts_.vocabulary.has(id) ? std::string(written(id)) : std::string();
  }
  std::optional<int32_t> id_of(std::string_view token) const override {
    return parts_.vocabulary.find(token);
  }
  bool is_special(int32_t id) const override {
    return parts_.vocabulary.has(id) && is_special_[static_cast<size_t>(id)];
  }
  int32_t size() const override { return parts_.vocabulary.size(); }
  std::vector<int32_t> prefix_ids() const override { return parts_.prefix; }
  std::vector<int32_t> suffix_ids() const override { return parts_.suffix; }

 private:
  /// Text between tokens that are looked for in the text as it stands.
  void encode_stretch(std::string_view text, bool parse_special, std::vector<int32_t>& ids) const {
    std::string changed;
    if (!parts_.normalizer.empty()) text = changed = parts_.normalizer.apply(text);
    normalized_tokens_.cut(text, parse_special, [&](const Segment& segment) {
      if (segment.id >= 0) return ids.push_back(segment.id);
      parts_.pre_tokenizer.split(segment.text, [&](std::span<const std::string_view> words) {
        model_.encode(words, ids);
      });
    });
  }

  /// A token as it is given back: one that is looked for in normalized text is normalized itself.
  std::string_view written(int32_t id) const {
    const auto found = written_.find(id);
    return found == written_.end() ? parts_.vocabulary.piece(id) : std::string_view(found->second);
  }

  TokenizerParts parts_;
  TokenFinder raw_tokens_, normalized_tokens_;
  BpeModel model_;
  std::vector<bool> is_special_;
  std::unordered_map<int32_t, std::string> written_;
};

}  // namespace

std::shared_ptr<Tokenizer> make_byte_level_tokenizer(TokenizerParts parts) {
  parts.vocabulary.finish(parts.where);
  return std::make_shared<ByteLevelTokenizer>(std::move(parts));
}

}  // namespace kindred::text
