// Whom to trust.
#ifndef HDIKAFKA_TLS_OPTIONS_HPP
#define HDIKAFKA_TLS_OPTIONS_HPP

#include <hdikafka/version.hpp>

#include <functional>
#include <string>
#include <utility>
#include <vector>

struct ssl_ctx_st;

namespace hdikafka::inline v0_1 {

/// Whom to trust. By default the system's store (SSL_CERT_FILE and SSL_CERT_DIR are honoured), TLS 1.2
/// or newer, and the host name or address verified against the certificate's alternative names.
class tls_options
{
public:
    /// Trusts the certificates in this PEM file instead of the system's authorities: each is an anchor, also
    /// an intermediate alone. The first connection reads it; a file that is not regular, is larger than 16
    /// MiB or holds no certificate fails the call with errc::invalid_option, and the next call looks again.
    tls_options& ca_file(std::string path) & { return set(ca_file_, std::move(path)); }
    tls_options&& ca_file(std::string path) && { return std::move(ca_file(std::move(path))); }

    /// Trusts the authorities in this PEM text instead of the system's.
    tls_options& ca_pem(std::string text) & { return set(ca_pem_, std::move(text)); }
    tls_options&& ca_pem(std::string text) && { return std::move(ca_pem(std::move(text))); }

    /// Accepts only a server whose public key is this one, or one of those given: the SHA-256 of the
    /// SubjectPublicKeyInfo of its own certificate, in base64, with or without "sha256//" before it, as
    /// `openssl x509 -pubkey -noout | openssl pkey -pubin -outform der | openssl dgst -sha256 -binary |
    /// base64` prints it. Besides the other checks, and for the service alone, not for the token authority.
    /// Give a second key for the day when the first one changes. Another key fails the call with
    /// errc::certificate_refused.
    tls_options& pin_sha256(std::string key) &
    {
        pins_.push_back(std::move(key));
        return *this;
    }
    tls_options&& pin_sha256(std::string key) && { return std::move(pin_sha256(std::move(key))); }

    /// The last word on the SSL_CTX, called once before the first connection: client certificates,
    /// ciphers, providers. It runs on a thread of the client's executor and must not block.
    tls_options& configure(std::function<void(ssl_ctx_st*)> function) &
    {
        return set(configure_, std::move(function));
    }
    tls_options&& configure(std::function<void(ssl_ctx_st*)> function) &&
    {
        return std::move(configure(std::move(function)));
    }

    /// false accepts any certificate: for tests only, it defeats TLS.
    tls_options& verify(bool on) & { return set(verify_, on); }
    tls_options&& verify(bool on) && { return std::move(verify(on)); }

    std::string const& ca_file() const noexcept { return ca_file_; }
    std::string const& ca_pem() const noexcept { return ca_pem_; }
    /// What was given to pin_sha256().
    std::vector<std::string> const& pins() const noexcept { return pins_; }
    std::function<void(ssl_ctx_st*)> const& configure() const noexcept { return configure_; }
    bool verify() const noexcept { return verify_; }

private:
    template <class Member, class Value>
    tls_options& set(Member& member, Value&& value)
    {
        member = std::forward<Value>(value);
        return *this;
    }

    std::string ca_file_;
    std::string ca_pem_;
    std::vector<std::string> pins_;
    std::function<void(ssl_ctx_st*)> configure_;
    bool verify_ = true;
};

} // namespace hdikafka::inline v0_1

#endif
