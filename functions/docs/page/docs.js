// Starts Swagger UI. A file of its own, because the page's policy forbids inline scripts.
"use strict";

window.ui = SwaggerUIBundle({
  // Relative to /docs, so that it also holds below a stage's prefix.
  url: new URL("openapi.json", document.baseURI).href,
  dom_id: "#swagger-ui",
  presets: [SwaggerUIBundle.presets.apis],
  layout: "BaseLayout",
  deepLinking: true,
  defaultModelsExpandDepth: 0,
  displayRequestDuration: true,
  showExtensions: true,
  // Swagger UI would otherwise ask validator.swagger.io.
  validatorUrl: null,
  // A token lives as long as the page: it is never written to the browser's storage.
  persistAuthorization: false,
  // Settings come from here alone, not from the query of a link that somebody else made.
  queryConfigEnabled: false,
});
