#include "text/unigram_model.h"

#include <algorithm>
#include <type_traits>

#include "core/utf8.h"

namespace kindred::text {

/// The best cut that ends at a place.
template <class Real>
struct UnigramModel::Node {
  static constexpr uint32_t kNone = UINT32_MAX;
  Real score = 0;
  uint32_t from = kNone;  // where its last piece begins
  int32_t id = -1;        // of that piece; negative: unknown

  void offer(Real offered, size_t begin, int32_t piece) {
    if (from != kNone && offered <= score) return;
    *this = {offered, static_cast<uint32_t>(begin), piece};
  }
};

UnigramModel::UnigramModel(const Pieces& pieces, std::vector<double> scores,
                           const ByteIds& byte_ids, const UnigramOptions& options)
    : trie_(pieces), scores_(std::move(scores)), byte_ids_(byte_ids), options_(options) {}

/// Offers the pieces that begin at `from`; gives the end of the longest.
template <class Real>
size_t UnigramModel::extend(std::string_view word, size_t from,
                            std::vector<Node<Real>>& best) const {
  const size_t character = code_point_at(word, from).length;
  const Real here = best[from].score;
  size_t end = from + character;
  bool whole_character = false;
  uint32_t node = TokenTrie::kRoot;
  for (size_t at = from; at < word.size();) {
    node = trie_.child(node, word[at++]);
    if (node == TokenTrie::kNone) break;
    const int32_t id = trie_.id(node);
    if (id < 0) continue;
    const auto score = static_cast<Real>(scores_[static_cast<size_t>(id)]);
    best[at].offer(score + here, from, id);
    end = std::max(end, at);
    whole_character |= at - from == character;
  }
  if (!whole_character) {
    best[from + character].offer(static_cast<Real>(options_.unk_score) + here, from, -1);
  }
  return end;
}

template <class Real>
void UnigramModel::encode_as(std::string_view word, std::vector<int32_t>& ids) const {
  constexpr Real kLargest = 100000;
  std::vector<Node<Real>> best(word.size() + 1);
  size_t reached = 0;
  for (size_t at = 0; at < word.size(); at += code_point_at(word, at).length) {
    // SentencePiece keeps sums small, so that a long text is not rounded worse.
    if (const Real sum = best[at].score;
        std::is_same_v<Real, float> && (sum > kLargest || sum < -kLargest)) {
      for (size_t i = at; i <= reached; ++i) {
        if (i == at || best[i].from != Node<Real>::kNone) best[i].score -= sum;
      }
    }
    reached = std::max(reached, extend(word, at, best));
  }
  std::vector<std::pair<std::string_view, int32_t>> cut;
  for (size_t end = word.size(); end > 0;) {
    const Node<Real>& node = best[end];
    cut.emplace_back(word.substr(node.from, end - node.from), node.id);
    end = node.from;
  }
  std::reverse(cut.begin(), cut.end());
  for (size_t i = 0; i < cut.size();) {
    if (cut[i].second >= 0) {
      ids.push_back(cut[i++].second);
      continue;
    }
    const char* begin = cut[i].first.data();
    const char* end = begin;
    for (; i < cut.size() && cut[i].second < 0; ++i) end += cut[i].first.size();
    append_unknown({begin, static_cast<size_t>(end - begin)}, ids);
  }
}

void UnigramModel::append_unknown(std::string_view run, std::vector<int32_t>& ids) const {
  if (!options_.like_sentence_piece) {
    const uint32_t node = trie_.walk(TokenTrie::kRoot, run);
    if (node != TokenTrie::kNone && trie_.id(node) >= 0) return ids.push_back(trie_.id(node));
  }
  if (options_.byte_fallback && append_byte_ids(byte_ids_, run, ids)) return;
  if (options_.unk) ids.push_back(*options_.unk);
}

void UnigramModel::encode_word(std::string_view word, std::vector<int32_t>& ids) const {
  ids.clear();
  if (options_.like_sentence_piece) {
    encode_as<float>(word, ids);
  } else {
    encode_as<double>(word, ids);
  }
}

double unknown_score(double lowest_score) {
  constexpr double kPenalty = 10;
  return lowest_score - kPenalty;
}

}  // namespace kindred::text
