// Without `validatorUrl: null`, Swagger UI would send the description to a validator on another host.
SwaggerUIBundle({ url: "/openapi.json", dom_id: "#docs", deepLinking: true, validatorUrl: null });
