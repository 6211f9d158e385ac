#pragma once
// Options of CLLM4Rec. Defaults follow the paper; where its released code does otherwise and it
// matters, an option offers that (docs/models/cllm4rec.md says which set reproduces which).

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/options.h"

namespace kindred::methods {

/// Prompts by name; an empty text stands for the wording's own. Slots: `<user>`, `<item>`,
/// `<items>` (a history), `<text>` (the main text), and `<column>` (the name of an item text).
struct Cllm4RecPrompts {
  std::string interactions, review, item_text, user_text, recommend;

  template <class V>
  void visit(V& v) {
    v("interactions", interactions,
      "document of a user's interactions; `<items>` is its main text");
    v("review", review, "document of a review; `<text>` is its main text");
    v("item_text", item_text, "document of an item's text; `<column>` names the text");
    v("user_text", user_text, "document of a user's text");
    v("recommend", recommend, "prompt of finetuning and prediction, read at its last token");
  }
};

/// The recipe's `cllm4rec` section.
struct Cllm4RecOptions {
  bool content = true;
  std::string content_training = "learned";
  std::string backbone_training = "frozen";
  std::string predict = "one-pass";
  double lambda_c = 1.0;
  double lambda_l = 0.0;
  std::string mr = "paper";
  std::string normalise = "document";
  std::string alternate = "step";
  std::string finetune_content = "fixed";
  std::string target = "holdout";
  double mask_share = 0.2;
  bool reorder = true;
  bool reorder_pretrain = true;
  bool first_token = true;
  bool reviews = true;
  std::optional<std::vector<std::string>> item_texts, user_texts;
  int64_t max_text_tokens = 0;
  int64_t max_history = 0;
  double init_std = 0.0;
  std::string adam_users = "stage";
  bool dropout = true;
  int64_t sampled_items = 0;
  double sampler_power = 0.75;
  bool bucket = false;
  std::string unknown_user = "none";
  std::string wording = "paper";
  Cllm4RecPrompts prompts;

  template <class V>
  void visit(V& v) {
    v("content", content, "content LLM beside the collaborative one; off is LLM-CF");
    v("content_training", content_training,
      "content tables: learned from texts, or none: they stay as they were drawn, without warm-up "
      "or "
      "C-steps, and regularise all the same (the control that shows what the texts add)",
      Choices{{"learned", "none"}});
    v("backbone_training", backbone_training,
      "frozen, or finetune-all (LLM-FtAll, vocabulary too), or scratch (LLM-Scratch)",
      Choices{{"frozen", "finetune-all", "scratch"}});
    v("predict", predict,
      "one-pass over the recommendation prompt (RecLLM), next-item softmax of the pretrained "
      "model (LLM-PreRec, no finetuning), or autoregressive generation of the list",
      Choices{{"one-pass", "next-item", "autoregressive"}});
    v("lambda_c", lambda_c,
      "precision of the content prior, eq. 2: weight of mutual regularisation", Bounds{0});
    v("lambda_l", lambda_l, "precision of the collaborative prior, eq. 1", Bounds{0});
    v("mr", mr,
      "mutual regularisation: paper is lambda_c/2 times the squared distance inside the document's "
      "loss, over its user and items once (eqs. 7, 8, 10); sum is lambda_c times it, added to the "
      "averaged loss, over the user and item tokens that the step reads (released code)",
      Choices{{"paper", "sum"}});
    v("normalise", normalise,
      "what a batch's loss is averaged over: documents (users or texts, the paper's sums), or "
      "predicted tokens and, in finetuning, users (released code)",
      Choices{{"document", "token"}});
    v("alternate", alternate, "L-steps and C-steps by turns: one step each, or one epoch each",
      Choices{{"step", "epoch"}});
    v("finetune_content", finetune_content,
      "content tables in finetuning: fixed (eq. 10) or trained in turns with it (released code)",
      Choices{{"fixed", "alternate"}});
    v("target", target, "items finetuning predicts: those held out (eq. 9) or all (released code)",
      Choices{{"holdout", "all"}});
    v("mask_share", mask_share, "share of a user's items held out of the finetuning prompt, p_m",
      Bounds{0, 1});
    v("reorder", reorder, "stochastic reordering of items, in both stages; off is LLM-FixOrd");
    v("reorder_pretrain", reorder_pretrain, "reordering also in pretraining (off: released code)");
    v("first_token", first_token,
      "the first word or item of a main text is predicted too (eqs. 4, 5; off: released code)");
    v("reviews", reviews, "reviews of training interactions as documents");
    v("item_texts", item_texts, "item text columns used as documents; null: all there are");
    v("user_texts", user_texts, "user text columns used as documents; null: all there are");
    v("max_text_tokens", max_text_tokens, "words of a main text that are read, 0: the context",
      Bounds{0});
    v("max_history", max_history, "most recent items of a history that are read, 0: the context",
      Bounds{0});
    v("init_std", init_std, "scale of new embeddings, 0: the backbone's own", Bounds{0});
    v("adam_users", adam_users,
      "moments of the user tables: as the stage's adam says, or dense whatever it says (a person "
      "is "
      "visited once an epoch, and a lazy row moves at most the step size a visit)",
      Choices{{"stage", "dense"}});
    v("dropout", dropout, "the backbone's own dropout stays active in training");
    v("sampled_items", sampled_items,
      "items drawn a step for a sampled softmax with log-Q correction, 0: the full softmax",
      Bounds{0, 1e8});
    v("sampler_power", sampler_power, "items are drawn with probability ~ (1 + popularity)^power",
      Bounds{0, 2});
    v("bucket", bucket, "batches of texts of like length");
    v("unknown_user", unknown_user,
      "what fills the user slot of somebody never seen: nothing, the mean of the history's items, "
      "or the mean user (who also stands where there is no history)",
      Choices{{"none", "items", "mean"}});
    v("wording", wording, "prompts of the paper or of the released code",
      Choices{{"paper", "released"}});
    v("prompts", prompts, "own prompts in place of the wording's");
  }
};

/// The prompts in force: own ones, else those of the wording.
inline Cllm4RecPrompts worded(const Cllm4RecOptions& options) {
  const bool paper = options.wording == "paper";
  Cllm4RecPrompts p = options.prompts;
  const auto fill = [](std::string& text, const char* standard) {
    if (text.empty()) text = standard;
  };
  fill(p.interactions, "<user> has interacted with <items>");
  fill(p.review, paper ? "<user> write the review for <item>: <text>"
                       : "<user> wrote the following review for <item>:<text>");
  fill(p.item_text, "The <column> of <item> is: <text>");
  fill(p.user_text, "The biography of <user> is: <text>");
  fill(p.recommend, paper ? "<user> has interacted with <items> the user will interact with:"
                          : "<user> has interacted with <items>, <user> will interact with");
  return p;
}

}  // namespace kindred::methods
