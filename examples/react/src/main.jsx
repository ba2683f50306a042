// Where the page begins: the app, and the address of the server that it sends to.
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { App } from "./app.jsx";
import "./style.css";

const TO = import.meta.env.VITE_HOLDFAST ?? "http://127.0.0.1:8420";

createRoot(document.getElementById("app")).render(
  <StrictMode>
    <App to={TO} />
  </StrictMode>,
);
