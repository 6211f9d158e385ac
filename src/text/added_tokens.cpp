#include "text/added_tokens.h"

#include <algorithm>

#include "core/utf8.h"
#include "text/unicode.h"

namespace kindred::text {
namespace {

bool stands_alone(std::string_view text, size_t begin, size_t end) {
  if (begin > 0 && is_word_char(code_point_before(text, begin).value)) return false;
  return end == text.size() || !is_word_char(code_point_at(text, end).value);
}

/// Start of the white space that ends at `end`, no further left than `from`.
size_t spaces_before(std::string_view text, size_t from, size_t end) {
  while (end > from) {
    const CodePoint last = code_point_before(text, end);
    if (char_class(last.value) != CharClass::space) break;
    end -= last.length;
  }
  return end;
}

size_t spaces_after(std::string_view text, size_t at) {
  while (at < text.size()) {
    const CodePoint next = code_point_at(text, at);
    if (char_class(next.value) != CharClass::space) break;
    at += next.length;
  }
  return at;
}

}  // namespace

TokenFinder::TokenFinder(std::vector<AddedToken> tokens) : tokens_(std::move(tokens)) {
  std::erase_if(tokens_, [](const AddedToken& token) { return token.content.empty(); });
  std::stable_sort(tokens_.begin(), tokens_.end(),
                   [](const AddedToken& a, const AddedToken& b) { return a.content < b.content; });
  const auto same = [](const AddedToken& a, const AddedToken& b) { return a.content == b.content; };
  tokens_.erase(std::unique(tokens_.begin(), tokens_.end(), same), tokens_.end());
  for (const AddedToken& token : tokens_) starts_[static_cast<uint8_t>(token.content[0])] = true;
}

/// The longest token that starts at `at`: the sorted list is narrowed byte by byte.
const AddedToken* TokenFinder::match(std::string_view text, size_t at) const {
  const AddedToken* longest = nullptr;
  auto low = tokens_.begin(), high = tokens_.end();
  for (size_t depth = 0; low != high && at + depth < text.size(); ++depth) {
    const auto byte = static_cast<uint8_t>(text[at + depth]);
    const auto at_depth = [depth](const AddedToken& token) {
      return depth < token.content.size() ? static_cast<uint8_t>(token.content[depth]) : -1;
    };
    low =
        std::partition_point(low, high, [&](const auto& token) { return at_depth(token) < byte; });
    high =
        std::partition_point(low, high, [&](const auto& token) { return at_depth(token) <= byte; });
    if (low != high && low->content.size() == depth + 1) longest = &*low;
  }
  return longest;
}

const AddedToken* TokenFinder::next_match(std::string_view text, size_t& at) const {
  for (; at < text.size(); ++at) {
    if (!starts_[static_cast<uint8_t>(text[at])]) continue;
    if (const AddedToken* token = match(text, at)) return token;
  }
  return nullptr;
}

void TokenFinder::cut(std::string_view text, bool parse_special,
                      const std::function<void(const Segment&)>& use) const {
  size_t done = 0, at = 0;
  while (const AddedToken* token = empty() ? nullptr : next_match(text, at)) {
    size_t begin = at, end = at + token->content.size();
    at = end;
    if (token->special && !parse_special) continue;
    if (token->single_word && !stands_alone(text, begin, end)) continue;
    if (token->lstrip) begin = spaces_before(text, std::min(done, begin), begin);
    // White space taken already need not be read again.
    if (token->rstrip) end = spaces_after(text, std::max(end, done));
    if (done < begin) use({text.substr(done, begin - done), -1});
    use({{}, token->id});
    done = end;
  }
  if (done < text.size()) use({text.substr(done), -1});
}

}  // namespace kindred::text
