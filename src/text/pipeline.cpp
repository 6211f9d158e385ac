// Every tokenizer is one chain: added tokens are found, the text between them is normalized, cut
// into words and encoded, special tokens go around, and a decoder leads back.

#include <algorithm>
#include <unordered_map>

#include "core/error.h"
#include "core/strings.h"
#include "core/utf8.h"
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

/// Leaves at most `room` of the ids from `begin` on.
void shorten(std::vector<int32_t>& ids, size_t begin, size_t room, Side side) {
  if (ids.size() - begin <= room) return;
  const auto surplus = static_cast<std::ptrdiff_t>(ids.size() - begin - room);
  if (side == Side::right) {
    ids.resize(ids.size() - static_cast<size_t>(surplus));
  } else {
    const auto first = ids.begin() + static_cast<std::ptrdiff_t>(begin);
    ids.erase(first, first + surplus);
  }
}

/// The longer of two texts is cut down to the other's length, then both alike.
void shorten_longest(std::vector<int32_t> (&texts)[2], size_t room, Side side) {
  if (texts[0].size() + texts[1].size() <= room) return;
  const bool swap = texts[0].size() > texts[1].size();
  size_t shorter = texts[swap ? 1 : 0].size();
  size_t longer = shorter > room ? shorter : std::max(shorter, room - shorter);
  if (shorter + longer > room) {
    shorter = room / 2;
    longer = shorter + room % 2;
  }
  shorten(texts[0], 0, swap ? longer : shorter, side);
  shorten(texts[1], 0, swap ? shorter : longer, side);
}

class PipelineTokenizer final : public Tokenizer {
 public:
  explicit PipelineTokenizer(TokenizerParts parts)
      : parts_(std::move(parts)),
        raw_tokens_(chosen(parts_.added, false)),
        normalized_tokens_(normalized_tokens(parts_)),
        model_(parts_.make_model(parts_.vocabulary)),
        space_cut_(space_cut_of(parts_)),
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
    parts_.make_model = nullptr;  // and what it holds
  }

  std::vector<int32_t> encode(std::string_view text, const EncodeOptions& options) const override {
    std::vector<int32_t> ids;
    ids.reserve(text.size() / 4 + 8);
    const PostProcessor& around = parts_.post_processor;
    if (options.add_special_tokens) ids = around.prefix();
    const size_t begin = ids.size();
    append(text, options.parse_special, ids);
    const size_t specials = begin + (options.add_special_tokens ? around.suffix().size() : 0);
    shorten(ids, begin, room(options, specials), options.truncation_side);
    if (options.add_special_tokens) {
      ids.insert(ids.end(), around.suffix().begin(), around.suffix().end());
    }
    return ids;
  }

  PairIds encode_pair(std::string_view first, std::string_view second,
                      const EncodeOptions& options) const override {
    const auto& parts = parts_.post_processor.pair();
    if (!parts) {
      throw Error(Exit::config, parts_.where,
                  "it does not say what stands around two texts, expected a template \"pair\"");
    }
    std::vector<int32_t> texts[2];
    append(first, options.parse_special, texts[0]);
    append(second, options.parse_special, texts[1]);
    shorten_longest(texts, room(options, options.add_special_tokens ? parts->size() - 2 : 0),
                    options.truncation_side);
    PairIds result;
    for (const PostProcessor::Part& part : *parts) {
      if (part.id < 0) {
        const auto& ids = texts[part.id == PostProcessor::Part::kFirst ? 0 : 1];
        result.ids.insert(result.ids.end(), ids.begin(), ids.end());
      } else if (options.add_special_tokens) {
        result.ids.push_back(part.id);
      }
      result.types.resize(result.ids.size(), part.type);
    }
    return result;
  }

  std::string decode(std::span<const int32_t> ids, bool skip_special) const override {
    std::vector<std::string> tokens;
    tokens.reserve(ids.size());
    for (const int32_t id : ids) {
      // The reference keeps a special token that it gives back changed.
      const bool skipped = skip_special && is_special(id) && !written_.contains(id);
      if (!parts_.vocabulary.has(id) || skipped) continue;
      tokens.emplace_back(written(id));
    }
    std::string text = sanitize_utf8(parts_.decoder.text(std::move(tokens)));
    return parts_.clean_up_spaces ? without_spaces_before_signs(std::move(text)) : text;
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
  std::vector<int32_t> prefix_ids() const override { return parts_.post_processor.prefix(); }
  std::vector<int32_t> suffix_ids() const override { return parts_.post_processor.suffix(); }
  SpaceCut space_cut() const override { return space_cut_; }

 private:
  /// Appends the ids of a text on its own.
  void append(std::string_view text, bool parse_special, std::vector<int32_t>& ids) const {
    std::string sanitized;
    if (!is_utf8(text)) text = sanitized = sanitize_utf8(text);
    raw_tokens_.cut(text, parse_special, [&](const Segment& segment) {
      if (segment.id >= 0) {
        ids.push_back(segment.id);
      } else {
        encode_stretch(segment.text, segment.text.data() == text.data(), parse_special, ids);
      }
    });
  }

  /// How many ids of texts fit beside the special tokens.
  size_t room(const EncodeOptions& options, size_t specials) const {
    if (!options.max_length) return SIZE_MAX;
    if (*options.max_length < specials) {
      throw Error(Exit::config, parts_.where,
                  cat("got a maximal length of ", *options.max_length, ", expected at least ",
                      specials, ", the number of special tokens"));
    }
    return *options.max_length - specials;
  }

  /// Text between tokens that are looked for in the text as it stands.
  void encode_stretch(std::string_view text, bool first, bool parse_special,
                      std::vector<int32_t>& ids) const {
    std::string changed;
    if (!parts_.normalizer.empty()) text = changed = parts_.normalizer.apply(text);
    normalized_tokens_.cut(text, parse_special, [&](const Segment& segment) {
      if (segment.id >= 0) return ids.push_back(segment.id);
      parts_.pre_tokenizer.split(
          segment.text, first && segment.text.data() == text.data(),
          [&](std::span<const std::string_view> words) { model_->encode(words, ids); });
    });
  }

  /// A token as it is given back: one that is looked for in normalized text is normalized itself.
  std::string_view written(int32_t id) const {
    const auto found = written_.find(id);
    return found == written_.end() ? parts_.vocabulary.piece(id) : std::string_view(found->second);
  }

  TokenizerParts parts_;
  TokenFinder raw_tokens_, normalized_tokens_;
  std::unique_ptr<WordModel> model_;
  SpaceCut space_cut_;
  std::vector<bool> is_special_;
  std::unordered_map<int32_t, std::string> written_;
};

}  // namespace

int32_t required_role(const TokenizerParts& parts, const std::string& role) {
  const auto found = parts.roles.find(role);
  if (found != parts.roles.end()) return found->second;
  throw Error(Exit::bad_data, parts.where, cat("the vocabulary has no token for the ", role));
}

std::shared_ptr<Tokenizer> make_tokenizer(TokenizerParts parts) {
  parts.vocabulary.finish(parts.where);
  return std::make_shared<PipelineTokenizer>(std::move(parts));
}

}  // namespace kindred::text
