// Texts that must not outlive their use.
#ifndef HDIKAFKA_DETAIL_BASE_SECRET_HPP
#define HDIKAFKA_DETAIL_BASE_SECRET_HPP

#include <hdikafka/version.hpp>

#include <openssl/crypto.h>

#include <string>
#include <utility>

namespace hdikafka::inline v0_1::detail {

/// Wipes the text and the memory behind it, which may hold more of it; the text is empty then.
inline void cleanse(std::string& text) noexcept
{
    text.resize(text.capacity()); // never allocates
    OPENSSL_cleanse(text.data(), text.size());
    text.clear();
}

/// A text that is wiped when it goes; a copy is wiped on its own. It takes no memory of the text it is made
/// from but what it moves.
class secret
{
public:
    secret() = default;
    explicit secret(std::string&& text) noexcept : text_(std::move(text))
    {
        cleanse(text); // a short one was copied
    }
    secret(secret const&) = default;
    secret(secret&& other) noexcept : secret(std::move(other.text_)) {}
    secret& operator=(secret other) noexcept
    {
        text_.swap(other.text_);
        return *this;
    }
    ~secret() { cleanse(text_); }

    std::string const& text() const noexcept { return text_; }
    bool empty() const noexcept { return text_.empty(); }

private:
    std::string text_;
};

} // namespace hdikafka::inline v0_1::detail

#endif
