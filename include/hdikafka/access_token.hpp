// What a credential is asked for, and what it gives: a token and how long it lives.
#ifndef HDIKAFKA_ACCESS_TOKEN_HPP
#define HDIKAFKA_ACCESS_TOKEN_HPP

#include <hdikafka/detail/base/secret.hpp>

#include <chrono>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace hdikafka::inline v0_1 {

/// What a token is to be good for.
class token_request
{
public:
    token_request() = default;
    /// `claims` is JSON.
    explicit token_request(std::vector<std::string> scopes, std::string claims = std::string())
        : scopes_(std::move(scopes)), claims_(std::move(claims))
    {}

    /// "https://hib.azurehdinsight.net/.default" unless the credential was given another.
    std::vector<std::string> const& scopes() const noexcept { return scopes_; }

    /// JSON that the service demanded when it refused the last token (a claims challenge), for the request's
    /// `claims` parameter; empty otherwise. A token from a cache of one's own is of no use then.
    std::string const& claims() const noexcept { return claims_; }

private:
    std::vector<std::string> scopes_;
    std::string claims_;
};

/// A bearer token and its life, counted from when it is handed over.
class access_token
{
public:
    access_token() = default;

    /// `expires_in` is 600 s where the issuer does not say: the least that Entra issues.
    explicit access_token(std::string token, std::chrono::seconds expires_in = std::chrono::seconds(600))
        : token_(std::move(token)), expires_in_(expires_in)
    {}

    /// When to ask for the next one while this one still serves; the library chooses when not set.
    access_token& refresh_in(std::chrono::seconds due) &
    {
        refresh_in_ = due;
        return *this;
    }
    access_token&& refresh_in(std::chrono::seconds due) && { return std::move(refresh_in(due)); }

    /// The token itself, a secret: visible ASCII only, otherwise it is refused
    /// (errc::invalid_token_response). Its memory is wiped with this object.
    std::string const& token() const noexcept { return token_.text(); }
    /// How long it lives, counted from when it is handed over. Calls use it until 5 s before its end, or
    /// a tenth of its life if that is less; the calls that waited for it use it in any case.
    std::chrono::seconds expires_in() const noexcept { return expires_in_; }
    std::optional<std::chrono::seconds> refresh_in() const noexcept { return refresh_in_; }

private:
    detail::secret token_;
    std::chrono::seconds expires_in_{0};
    std::optional<std::chrono::seconds> refresh_in_;
};

} // namespace hdikafka::inline v0_1

#endif
