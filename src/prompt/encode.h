#pragma once
// Words to vocabulary ids: the hard segments of prompts, and the texts that fill them.

#include <concepts>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <type_traits>
#include <unordered_map>
#include <utility>
#include <vector>

#include "text/tokenizer.h"

namespace kindred::prompt {

/// What stands between two vectors of a prompt: words of the template and texts that fill it, which
/// are tokenised as one string.
class Line {
 public:
  struct Piece {
    size_t begin = 0, end = 0;  ///< bytes of text()
    bool filled = false;        ///< a text, not words of the template
  };

  void add_words(std::string_view words) { add(words, false); }
  void add_text(std::string_view text) { add(text, true); }
  void clear();

  /// Cuts off the white space that the template (no text) has at the end, or at the beginning.
  void drop_spaces_behind();
  void drop_spaces_before();
  /// One space in front of everything.
  void put_space_in_front();

  bool empty() const { return text_.empty(); }
  const std::string& text() const { return text_; }
  const std::vector<Piece>& pieces() const { return pieces_; }  ///< in order, together the text

 private:
  void add(std::string_view text, bool filled);

  std::string text_;
  std::vector<Piece> pieces_;
};

/// Text to vocabulary ids. Special-token strings and slot markers in the text are ordinary text.
///
/// A line is tokenised as a whole, and yet a title once however many prompts it stands in: where
/// the tokenizer is proven to join nothing over a space (text::SpaceCut), a line is cut before the
/// first and the last space of each stretch of the template's words, and the ids of the cells
/// between are kept. A cell that holds more than one text is made anew each time, as there is no
/// end of such; so is a long one. What is kept is bounded, whatever the catalogue.
/// May be used from several threads at once; copies share what is kept.
class Encode {
 public:
  using Function = std::function<std::vector<int32_t>(std::string_view)>;

  /// Any function from text to ids; `cut` and `own_space` are what is known of it.
  template <class F>
    requires(std::is_invocable_r_v<std::vector<int32_t>, F&, std::string_view> &&
             !std::same_as<std::remove_cvref_t<F>, Encode>)
  Encode(F function, text::SpaceCut cut = text::SpaceCut::never, bool own_space = false)
      : function_(std::move(function)),
        cut_(cut),
        own_space_(own_space),
        kept_(std::make_shared<Kept>()) {}

  /// The ids of a text on its own.
  std::vector<int32_t> operator()(std::string_view text) const { return function_(text); }
  /// Appends the ids of a line: those of its text on its own.
  void append(const Line& line, std::vector<int32_t>& ids) const;
  /// Whether a text gets a space in front without being given one (SentencePiece's dummy prefix).
  bool puts_space_in_front() const { return own_space_; }

 private:
  struct Hash {
    using is_transparent = void;
    size_t operator()(std::string_view text) const { return std::hash<std::string_view>{}(text); }
  };
  struct Kept {
    std::mutex mutex;
    std::unordered_map<std::string, std::vector<int32_t>, Hash, std::equal_to<>> ids;
    size_t bytes = 0;
  };
  void append_cell(std::string_view cell, bool keep, std::vector<int32_t>& ids) const;

  Function function_;
  text::SpaceCut cut_;
  bool own_space_;
  std::shared_ptr<Kept> kept_;
};

/// The encoder of prompts: no special tokens added, none parsed.
Encode encoder(std::shared_ptr<const text::Tokenizer> tokenizer);

}  // namespace kindred::prompt
