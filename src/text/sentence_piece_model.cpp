#include "text/sentence_piece_model.h"

#include <sentencepiece_processor.h>

#include "core/error.h"
#include "core/strings.h"

namespace kindred::text {
namespace {

/// Runs a call of the library; its status and its exceptions become our errors.
template <class Call>
void checked(const std::string& where, Call&& call) {
  std::string message;
  try {
    const sentencepiece::util::Status status = call();
    if (status.ok()) return;
    message = status.ToString();
  } catch (const std::exception& error) {
    message = error.what();
  }
  for (char& character : message) {
    if (character == '\n') character = ' ';
  }
  throw Error(Exit::bad_data, where, cat("SentencePiece refuses the model: ", message));
}

}  // namespace

SentencePieceModel::SentencePieceModel(const SentencePieceFile& file, const std::string& where)
    : processor_(std::make_unique<sentencepiece::SentencePieceProcessor>()), where_(where) {
  checked(where, [&] { return processor_->LoadFromSerializedProto(file.bytes); });
}

SentencePieceModel::~SentencePieceModel() = default;

void SentencePieceModel::encode_word(std::string_view word, std::vector<int32_t>& ids) const {
  ids.clear();
  checked(where_, [&] { return processor_->Encode({word.data(), word.size()}, &ids); });
}

}  // namespace kindred::text
